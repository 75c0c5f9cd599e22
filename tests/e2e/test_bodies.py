"""Request bodies of every kind: only the model's span changes, and only where the gateway wants it."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import Any

import brotli
import pytest
import zstandard

from tests.client import BEARER, CHAT, raw, send
from tests.provider import FakeProvider
from tests.proxy import RunningProxy, key

pytestmark = pytest.mark.e2e
DIRECT, GATEWAY = "/openai/v1/chat/completions", "/gated/v1/chat/completions"
LIMIT = 12 * 2**20


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    url = provider_of_module.url
    gated = {"endpoint": url, "gatewayEndpoint": f"{url}/g/v1", "gatewayKey": "gateway-token-1", "keys": [key()],
             "gatewayModelPrefix": "pre"}  # fmt: skip
    providers = {"openai": {"endpoint": f"{url}/v1", "keys": [key()]}, "gated": gated}
    with RunningProxy(tmp_path_factory.mktemp("home"), providers, settings="body_limit: 12MB\n") as running:
        yield running
        running.assert_nothing_leaked()


def ten_megabytes(model: str) -> bytes:
    image = "A" * 10_000_000
    spaced = json.dumps({"messages": [{"role": "user", "content": image, "model": "not-this"}]}, indent=3)[:-2]
    return (spaced + ',\n  "model"  :\t"' + model + '" , "temperature": 1.0, "ü": 1e0 }').encode()


def test_ten_megabytes_with_only_the_model_changed(proxy: RunningProxy, provider: FakeProvider) -> None:
    asked, sent = ten_megabytes("llama"), ten_megabytes("pre/llama")
    assert send(proxy, GATEWAY, asked, headers=BEARER | {"Content-Type": "application/json"}).status == 200
    arrived = provider.wait_for(1)[0].body
    start = asked.index(b'"llama"')
    assert arrived[start : start + 11] == b'"pre/llama"'
    outside = hashlib.sha256(asked[:start] + asked[start + 7 :]).hexdigest()
    assert hashlib.sha256(arrived[:start] + arrived[start + 11 :]).hexdigest() == outside
    assert arrived == sent


CODINGS: dict[str, tuple[Any, Any]] = {
    "gzip": (gzip.compress, gzip.decompress),
    "deflate": (zlib.compress, zlib.decompress),
    "br": (brotli.compress, brotli.decompress),
    "zstd": (zstandard.compress, lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body)),
}


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("chunked", [False, True])
def test_encoded_bodies(proxy: RunningProxy, provider: FakeProvider, coding: str, chunked: bool) -> None:
    encode, decode = CODINGS[coding]
    body = encode(json.dumps(CHAT).encode())
    headers = BEARER | {"Content-Type": "application/json", "Content-Encoding": coding}
    pieces = iter([body[:7], body[7:]]) if chunked else body
    send(proxy, GATEWAY, pieces, headers=headers)
    edited = provider.wait_for(1)[0]
    assert json.loads(decode(edited.body)) == CHAT | {"model": "pre/m-1"}
    assert edited.header("content-encoding") == coding
    send(proxy, DIRECT, body, headers=headers)
    assert provider.wait_for(2)[1].body == body  # no edit: not decoded and encoded again


@pytest.mark.parametrize("target", [DIRECT, GATEWAY])
def test_chunked_body(proxy: RunningProxy, provider: FakeProvider, target: str) -> None:
    pieces = [json.dumps(CHAT).encode()[i : i + 5] for i in range(0, 1000, 5)]
    headers = BEARER | {"Content-Type": "application/json"}
    assert send(proxy, target, (p for p in pieces if p), headers=headers).status == 200
    wanted = CHAT | {"model": "pre/m-1"} if target == GATEWAY else CHAT
    assert provider.wait_for(1)[0].json == wanted


def multipart(model: str) -> bytes:
    return (
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
        + bytes(range(256)) + b'\r\n--Bogus\r\n\r\n--B\r\nContent-Disposition: form-data; name="model"\r\n\r\n'
        + model.encode() + b'\r\n--B\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nmodel\r\n--B--\r\n'
    )  # fmt: skip


@pytest.mark.parametrize(("target", "sent"), [("/openai", "whisper"), ("/gated", "pre/whisper")])
def test_multipart(proxy: RunningProxy, provider: FakeProvider, target: str, sent: str) -> None:
    headers = BEARER | {"Content-Type": "multipart/form-data; boundary=B"}
    reply = send(proxy, target + "/v1/audio/transcriptions", multipart("whisper"), headers=headers)
    assert reply.status == 200, reply.body
    assert provider.wait_for(1)[0].body == multipart(sent)


@pytest.mark.parametrize("kind", ["audio/wav", "application/octet-stream", "application/x-protobuf"])
def test_anything_else_passes_untouched(proxy: RunningProxy, provider: FakeProvider, kind: str) -> None:
    body = b'{"model":"a","model":"b"}' + os.urandom(5000)
    assert send(proxy, "/openai/v1/files", body, headers=BEARER | {"Content-Type": kind}).status == 200
    arrived = provider.wait_for(1)[0]
    assert (arrived.body, arrived.header("content-type")) == (body, kind)


def test_json_that_curl_calls_a_form_is_json(proxy: RunningProxy, provider: FakeProvider) -> None:
    headers = BEARER | {"Content-Type": "application/x-www-form-urlencoded"}
    assert send(proxy, GATEWAY, json.dumps(CHAT).encode(), headers=headers).status == 200
    arrived = provider.wait_for(1)[0]
    assert (arrived.json["model"], arrived.headers_named("content-type")) == ("pre/m-1", ["application/json"])


@pytest.mark.parametrize("chunked", [False, True])
def test_larger_than_the_limit(proxy: RunningProxy, provider: FakeProvider, chunked: bool) -> None:
    """Streamed on where nobody needs to read it, refused where the model must be edited."""
    piece, count = os.urandom(2**20), 40

    def body() -> Iterator[bytes]:
        yield from (piece for _ in range(count))

    headers = BEARER | {"Content-Type": "application/json"}
    whole: Any = body() if chunked else piece * count
    tracemalloc.start()
    assert send(proxy, DIRECT, whole, headers=headers).status in (200, 400)  # it is no JSON; the provider says so
    tracemalloc.stop()
    arrived = provider.wait_for(1)[0]
    assert hashlib.sha256(arrived.body).digest() == hashlib.sha256(piece * count).digest()
    reply = send(proxy, GATEWAY, body() if chunked else piece * count, headers=headers)
    assert (reply.status, reply.reason) == (413, "body_too_large")
    assert len(provider.arrivals) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"model":"a","model":"b"}', "duplicate_field"),
        (b'{"model":"a","stream":true,"stream":false}', "duplicate_field"),
        (b'{"model":"a","mod\\u0065l":"b"}', "duplicate_field"),
        (b'{"model":"a"', "bad_json"),
        (b'\xef\xbb\xbf{"model":"a"}', "bad_json"),
        (b'{"model":"\xff"}', "bad_json"),
    ],
)
@pytest.mark.parametrize("target", [DIRECT, GATEWAY])
def test_ambiguous_bodies_are_refused(
    proxy: RunningProxy, provider: FakeProvider, target: str, body: bytes, reason: str
) -> None:
    reply = send(proxy, target, body, headers=BEARER | {"Content-Type": "application/json"})
    assert (reply.status, reply.reason, provider.arrivals) == (400, reason, [])


@pytest.mark.parametrize("size", [20, 13_000_000], ids=["read", "streamed"])
def test_a_client_that_waits_for_100_continue(proxy: RunningProxy, provider: FakeProvider, size: int) -> None:
    """curl does so from 1 MB on. mitmproxy says 100, and the provider is not asked to say it once more."""
    body = json.dumps(CHAT | {"padding": "x" * size}).encode()
    with raw(proxy) as client:
        client.send(f"POST {DIRECT} HTTP/1.1\r\nHost: 127.0.0.1:{proxy.port}\r\nAuthorization: Bearer {proxy.token}\r\n"
                    "Content-Type: application/json\r\nConnection: close\r\nExpect: 100-continue\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n".encode())  # fmt: skip
        permission = client.until(b"\r\n\r\n")
        client.send(body)
        answer = client.to_end().removeprefix(permission)
    assert permission == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.startswith(b"HTTP/1.1 200 ") and b"pong" in answer
    (arrived,) = provider.wait_for(1)
    assert arrived.header("expect") is None and arrived.body == body


def test_interim_answers_are_not_the_answer(proxy: RunningProxy, provider: FakeProvider) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong"
    provider.raw(b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 100", b" Continue\r\n\r\n" + answer)
    reply = send(proxy, DIRECT, CHAT)
    assert (reply.status, reply.body) == (200, b"pong")

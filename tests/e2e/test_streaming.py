"""Answers stream chunk by chunk, byte for byte; an abort reaches the provider at once. (Issue: the main job, 13)"""

from __future__ import annotations

import gzip
import json

import pytest

from tests.client import BEARER, CHAT, connection, send
from tests.provider import FakeProvider
from tests.proxy import TIMEOUT, RunningProxy

pytestmark = pytest.mark.e2e
PATH = "/openai/v1/chat/completions"
HEAD = {**BEARER, "Content-Type": "application/json"}
VIA = [None, "api.openai.com"]


def target(via: str | None) -> str:
    return PATH if via is None else PATH.removeprefix("/openai")


@pytest.mark.parametrize("via", VIA)
@pytest.mark.parametrize("kind", ["text/event-stream", "application/x-ndjson", "application/octet-stream"])
def test_each_chunk_arrives_before_the_next_is_sent(
    proxy: RunningProxy, provider: FakeProvider, kind: str, via: str | None
) -> None:
    chunks = [b"data: one\n\n", b"\x00\xff\r\n not text", "data: ünï\n\n".encode(), b"x" * 70_000]
    stream = provider.stream(kind, headers={"X-Custom": "kept", "Retry-After": "7"})
    with connection(proxy, via) as conn:
        conn.request("POST", target(via), json.dumps(CHAT | {"stream": True}), HEAD)
        answer = conn.getresponse()
        assert (answer.status, answer.headers["content-type"]) == (200, kind)
        assert (answer.headers["x-custom"], answer.headers["retry-after"]) == ("kept", "7")
        for chunk in chunks:  # the next one is sent only after this one has come through: nothing is held back
            stream.send(chunk)
            assert answer.read(len(chunk)) == chunk
        stream.finish()
        assert answer.read() == b""


@pytest.mark.parametrize("via", VIA)
def test_client_abort_closes_the_provider_at_once(proxy: RunningProxy, provider: FakeProvider, via: str | None) -> None:
    stream = provider.stream()
    with connection(proxy, via) as conn:
        conn.request("POST", target(via), json.dumps(CHAT | {"stream": True}), HEAD)
        answer = conn.getresponse()
        stream.send(b"data: 1\n\n")
        assert answer.read(9) == b"data: 1\n\n"
        answer.close()
    assert stream.disconnected.wait(TIMEOUT), "the provider was not told"


def test_provider_abort_is_not_a_proper_end(proxy: RunningProxy, provider: FakeProvider) -> None:
    stream = provider.stream()
    with connection(proxy) as conn:
        conn.request("POST", PATH, json.dumps(CHAT | {"stream": True}), HEAD)
        answer = conn.getresponse()
        stream.send(b"data: 1\n\n")
        assert answer.read(9) == b"data: 1\n\n"
        stream.abort()
        with pytest.raises(Exception, match=r"IncompleteRead|reset|b''"):
            answer.read()


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429, 500, 529])
def test_status_headers_and_encoded_bytes_are_the_providers_own(
    proxy: RunningProxy, provider: FakeProvider, status: int
) -> None:
    body = gzip.compress(b'{"error":{"message":"theirs"}}')
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", "Retry-After": "12",
               "x-ratelimit-remaining-requests": "0", "x-request-id": "req_1"}  # fmt: skip
    provider.next(status, headers, body)
    reply = send(proxy, PATH, CHAT)
    assert (reply.status, reply.body) == (status, body)
    assert {name: reply.headers[name] for name in headers} == headers


def test_unchunked_stream_until_close(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", b"data: a\n\n", b"data: [DONE]\n\n")
    assert send(proxy, PATH, CHAT).body == b"data: a\n\ndata: [DONE]\n\n"


def test_keep_alive_reuses_one_connection_to_the_provider(proxy: RunningProxy, provider: FakeProvider) -> None:
    with connection(proxy) as conn:
        for _ in range(3):
            conn.request("POST", PATH, json.dumps(CHAT), HEAD)
            assert conn.getresponse().read()
    assert len({arrived.peer_port for arrived in provider.wait_for(3)}) == 1

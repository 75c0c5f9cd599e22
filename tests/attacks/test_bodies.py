"""P8: a body that two parsers could read differently, or that grows beyond the limit, is refused and goes nowhere."""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Iterator

import brotli
import pytest
import zstandard

from tests.attacks.conftest import Attacked
from tests.attacks.tools import CHAT_TARGET, assert_unreached, refused
from tests.client import BEARER, Reply, send
from tests.provider import FakeProvider
from tests.proxy import TOKEN, RunningProxy

pytestmark = pytest.mark.e2e
JSON = "application/json"
GOOD = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
LIMITED = "mv-limited-token-for-tests"
MIB = 2**20


def post(
    proxy: RunningProxy,
    body: bytes,
    kind: str | None = JSON,
    coding: str | None = None,
    token: str = TOKEN,
    to: str = CHAT_TARGET,
) -> Reply:
    headers = [("Authorization", f"Bearer {token}")]
    headers += [("Content-Type", kind)] if kind else []
    headers += [("Content-Encoding", coding)] if coding else []
    return send(proxy, to, body, headers=headers)


def bomb(coding: str, size: int) -> bytes:
    """A body of `size` blanks, as small as the coding makes it."""
    blank = b" " * MIB
    if coding in ("gzip", "deflate"):
        machine = zlib.compressobj(9, wbits=31 if coding == "gzip" else 15)
    else:
        machine = brotli.Compressor(quality=5) if coding == "br" else zstandard.ZstdCompressor(level=3).compressobj()
    write = machine.process if coding == "br" else machine.compress
    end = machine.finish if coding == "br" else machine.flush
    return b"".join([*(write(blank) for _ in range(size // MIB)), end()])


ENCODE = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstandard.compress}


class TestAmbiguous(Attacked):
    @pytest.mark.parametrize(
        "body",
        [
            b'{"model":"a","model":"b"}',
            b'{"model":"a","messages":[],"model":"a"}',
            b'{"stream":true,"model":"a","stream":false}',
            b'{"model":"a","mod\\u0065l":"b"}',
            b'{"mod\\u0065l":"b","model":"a"}',
            b'{"\\u006dodel":"a","\\u006dodel":"b"}',
            b'{"\\u006dodel":"a"}',
            b'{"model":"a","str\\u0065am":true,"stream":false}',
            b'{"model":{"model":"a"},"model":"b"}',
        ],
    )
    @pytest.mark.parametrize(
        "kind", [JSON, "application/json; charset=utf-8", "APPLICATION/JSON", "a/b+json", "text/plain", None]
    )
    def test_duplicates(self, proxy: RunningProxy, provider: FakeProvider, body: bytes, kind: str | None) -> None:
        reply = post(proxy, body, kind)
        refused(reply, 400, reply.reason)
        assert reply.reason in ("duplicate_field", "bad_json")
        assert_unreached(provider)

    @pytest.mark.parametrize(
        "body",
        [
            b"\xef\xbb\xbf" + GOOD,
            GOOD.decode().encode("utf-16"),
            GOOD.decode().encode("utf-16-le"),
            GOOD.decode().encode("utf-32"),
            b'{"model":"\xff\xfe"}',
            b'{"model":"\xc0\xaf"}',
            b'{"model":"\xed\xa0\x80"}',
            b'{"model":"a"',
            b'{"model":"a"}{"model":"b"}',
            b'{"model":"a"}\0',
            b'{"model":"a",}',
            b"{'model':'a'}",
            b'{model:"a"}',
            b'{"model":"a"/**/}',
            b'{"model":"a","x":NaN}',
            b'{"model":"a","x":Infinity}',
            b'{"model":"a","x":01}',
            b'{"model":"a","x":0x1}',
            b'{"model":"a\nb"}',
            b'{"model":"a","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
            b"[" * 100_000,
        ],
    )
    def test_invalid(self, proxy: RunningProxy, provider: FakeProvider, body: bytes) -> None:
        started = time.monotonic()
        reply = post(proxy, body)
        refused(reply, 400, "bad_json")
        assert_unreached(provider)
        assert time.monotonic() - started < 2

    @pytest.mark.parametrize("number", [b"1" * 100_000, b"1e999999", b"-1" + b"0" * 5000, b"0." + b"1" * 100_000])
    def test_huge_numbers(self, proxy: RunningProxy, provider: FakeProvider, number: bytes) -> None:
        """Sent on byte for byte, or refused; never rounded, never a crash."""
        body = GOOD.replace(b"{", b'{"seed":' + number + b",", 1)
        provider.next(body=b"{}")
        reply = post(proxy, body)
        if reply.status == 200:
            assert provider.wait_for(1)[0].body == body
        else:
            refused(reply, 400, "bad_json")

    @pytest.mark.parametrize("coding", ENCODE)
    def test_encoded_duplicates(self, proxy: RunningProxy, provider: FakeProvider, coding: str) -> None:
        refused(post(proxy, ENCODE[coding](b'{"model":"a","model":"b"}'), coding=coding), 400, "duplicate_field")
        assert_unreached(provider)

    @pytest.mark.parametrize("coding", ENCODE)
    def test_broken_codings(self, proxy: RunningProxy, provider: FakeProvider, coding: str) -> None:
        whole = ENCODE[coding](GOOD)
        for body in (whole[:-1], whole[: len(whole) // 2], whole + b"x", whole + whole, GOOD, b"\0" * 10, whole[4:]):
            refused(post(proxy, body, coding=coding), 400, "bad_encoding")
        assert_unreached(provider)

    @pytest.mark.parametrize(
        "codings", [("gzip", "identity"), ("identity", "gzip"), ("gzip", "br"), ("", "gzip"), ("gzip", "gzip")]
    )
    def test_two_content_encodings(self, proxy: RunningProxy, provider: FakeProvider, codings: tuple) -> None:
        body = gzip.compress(GOOD) if codings[0] == "gzip" else GOOD
        pairs = [("Content-Encoding", coding) for coding in codings]
        reply = send(proxy, CHAT_TARGET, body, headers=[*BEARER.items(), ("Content-Type", JSON), *pairs])
        assert reply.status in (400, 415)
        assert_unreached(provider)

    def test_two_content_types(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        pairs = [("Content-Type", "image/png"), ("Content-Type", JSON)]
        reply = send(proxy, CHAT_TARGET, b'{"model":"a","model":"b"}', headers=[*BEARER.items(), *pairs])
        refused(reply, 400, reply.reason)
        assert_unreached(provider)


class TestBombs(Attacked):
    settings = "body_limit: 8MB\n"

    @pytest.mark.parametrize("coding", ENCODE)
    def test_bomb(self, proxy: RunningProxy, provider: FakeProvider, coding: str) -> None:
        body = bomb(coding, 128 * MIB)
        started = time.monotonic()
        refused(post(proxy, body, coding=coding), 413, "body_too_large")
        assert time.monotonic() - started < 5
        assert_unreached(provider)

    def test_bomb_in_a_bomb(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        body = gzip.compress(bomb("gzip", 64 * MIB))
        reply = post(proxy, body, coding="gzip, gzip")
        assert reply.status in (200, 400, 415)  # not read; but never unpacked twice
        assert not provider.arrivals or provider.arrivals[0].body == body


class TestLimitedUser(Attacked):
    """A user who may use gpt-4* alone must not get another model past the check."""

    @pytest.fixture(autouse=True)
    def limited(self, proxy: RunningProxy) -> Iterator[None]:
        proxy.write_users({"alice": {"key": TOKEN}, "limited": {"key": LIMITED, "models": ["gpt-4*"]}})
        yield

    def test_allowed(self, proxy: RunningProxy) -> None:
        assert post(proxy, GOOD, token=LIMITED).status == 200

    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            (JSON, GOOD.replace(b"gpt-4o", b"o3")),
            (JSON, b'{"messages":[]}'),
            (JSON, b'{"model":["gpt-4o"]}'),
            (JSON, b'{"model":null}'),
            (JSON, b'[{"model":"gpt-4o"}]'),
            (JSON, b'{"Model":"gpt-4o"}'),
            (JSON, b'{"x":{"model":"gpt-4o"}}'),
            ("image/png", GOOD.replace(b"gpt-4o", b"o3")),
            ("application/x-www-form-urlencoded", b"model=gpt-4o&model=o3"),
            (JSON, b""),
        ],
    )  # fmt: skip
    def test_not_allowed(self, proxy: RunningProxy, provider: FakeProvider, kind: str, body: bytes) -> None:
        reply = post(proxy, body, kind, token=LIMITED)
        refused(reply, reply.status, reply.reason)
        assert reply.status in (400, 403)
        assert_unreached(provider)

    @pytest.mark.parametrize(
        "parts",
        [
            [b'form-data; name="model"', b'form-data; name="model"'],
            [b'form-data; name="model"', b"form-data; name=model"],
            [b'form-data; name="model"', b'form-data; NAME="model"'],
            [b'form-data; name="model"', b'form-data; filename="; name=x"; name="model"'],
            [b'form-data; name="model"', b'form-data; name="\\m\\o\\d\\e\\l"'],
        ],
    )  # fmt: skip
    def test_two_models_in_a_form(self, proxy: RunningProxy, provider: FakeProvider, parts: list[bytes]) -> None:
        values = (b"gpt-4o", b"o3")
        body = b"".join(
            b"--b\r\nContent-Disposition: %s\r\n\r\n%s\r\n" % pair for pair in zip(parts, values, strict=True)
        )
        reply = post(proxy, body + b"--b--\r\n", "multipart/form-data; boundary=b", token=LIMITED)
        refused(reply, reply.status, reply.reason)
        assert_unreached(provider)

    def test_a_form_in_a_form(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        inner = b'gpt-4o\n--b\nContent-Disposition: form-data; name="model"\n\no3'
        body = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n%s\r\n--b--\r\n' % inner
        reply = post(proxy, body, "multipart/form-data; boundary=b", token=LIMITED)
        refused(reply, reply.status, reply.reason)
        assert_unreached(provider)

    def test_two_models_in_a_query(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Authorization": f"Bearer {LIMITED}"}  # fmt: skip
        reply = send(proxy, "/openai/v1/realtime?model=gpt-4o&model=o3", headers=upgrade)
        assert reply.status in (400, 403)
        assert_unreached(provider)

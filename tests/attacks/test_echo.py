"""P11: a provider that repeats the key it was sent, in a header, a body, a stream or an encoded answer."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import pytest

from tests.client import BEARER, CHAT, connection, send
from tests.provider import FakeProvider
from tests.proxy import KEY, RunningProxy, key

pytestmark = pytest.mark.e2e
PATH = "/openai/v1/chat/completions"
STARS = "*" * len(KEY)


@pytest.mark.parametrize("status", [200, 401])
def test_header_and_body(proxy: RunningProxy, provider: FakeProvider, status: int) -> None:
    body = f'{{"error":"Incorrect API key provided: {KEY}"}}'
    provider.next(status, {"X-Debug": f"got Bearer {KEY}!", "Content-Type": "application/json"}, body)
    reply = send(proxy, PATH, CHAT)
    assert (reply.status, reply.body.decode()) == (status, body.replace(KEY, STARS))
    assert reply.headers["x-debug"] == f"got Bearer {STARS}!"


def test_across_chunks_of_a_stream(proxy: RunningProxy, provider: FakeProvider) -> None:
    stream = provider.stream()
    with connection(proxy) as conn:
        conn.request("POST", PATH, json.dumps(CHAT), {**BEARER, "Content-Type": "application/json"})
        answer = conn.getresponse()
        for piece in ("data: ", KEY[:3], KEY[3:9], KEY[9:] + " and more\n\n"):
            stream.send(piece.encode())
        stream.finish()
        assert answer.read().decode() == f"data: {STARS} and more\n\n"


def test_compressed(proxy: RunningProxy, provider: FakeProvider) -> None:
    body = gzip.compress(f'{{"you sent": "{KEY}"}}'.encode())
    provider.next(200, {"Content-Encoding": "gzip"}, body)
    received = send(proxy, PATH, CHAT).body
    assert len(received) == len(body) and received != body
    with pytest.raises((OSError, EOFError)):
        gzip.decompress(received)


class TestAttempts:
    """The answer that counts repeats the key of an attempt before it."""

    @pytest.fixture
    def keys(self, proxy: RunningProxy, provider: FakeProvider) -> Iterator[tuple[str, str]]:
        """Two keys for OpenAI, and retries; both only for the time of a test."""
        second = "sk-canary-provider-key-of-the-second-attempt"
        usual = {"openai": {"endpoint": f"{provider.url}/v1", "keys": [key()]}}
        proxy.write_vault({"openai": usual["openai"] | {"keys": [key(), key(second)]}})
        proxy.home.settings.write_text("retry: 3\n")
        yield KEY, second
        proxy.write_vault(usual)
        proxy.home.settings.write_text("")
        proxy.assert_nothing_leaked(second)

    @pytest.mark.parametrize("coding", ["", "gzip"])
    def test_both_keys(self, proxy: RunningProxy, provider: FakeProvider, keys: tuple[str, str], coding: str) -> None:
        said = f"tried {keys[0]} and {keys[1]}"
        provider.next(429, {"X-Debug": said}, said)
        body = gzip.compress(said.encode()) if coding else said.encode()
        provider.next(200, {"X-Debug": said} | ({"Content-Encoding": coding} if coding else {}), body)
        reply = send(proxy, PATH, CHAT)
        assert {request.header("authorization") for request in provider.wait_for(2)} == {f"Bearer {k}" for k in keys}
        assert reply.headers["x-debug"] == " ".join(["tried", "*" * len(keys[0]), "and", "*" * len(keys[1])])
        if coding:
            with pytest.raises((OSError, EOFError)):
                gzip.decompress(reply.body)
        else:
            assert reply.body.decode() == reply.headers["x-debug"]

    def test_an_unreadable_answer(self, proxy: RunningProxy, provider: FakeProvider, keys: tuple[str, str]) -> None:
        for _ in range(4):
            provider.raw(f"HTTP/1.1 {keys[0]} {keys[1]} quoted\r\n\r\n".encode())
        reply = send(proxy, PATH, CHAT)
        assert (reply.status, reply.reason) == (502, "upstream_failed")
        assert not [k for k in keys if k.encode() in reply.body + str(reply.headers.items()).encode()]

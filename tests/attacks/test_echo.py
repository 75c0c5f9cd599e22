"""P11: a provider that repeats the key it was sent, in a header, a body, a stream or an encoded answer."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.client import BEARER, CHAT, connection, send
from tests.provider import FakeProvider
from tests.proxy import KEY, RunningProxy

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

"""Our own pages over the wire: with a body, without a token, and for a web page of an allowed origin."""

from __future__ import annotations

import pytest

from tests.client import BEARER, send
from tests.provider import FakeProvider
from tests.proxy import RunningProxy

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("chunked", [False, True])
def test_tokens_are_counted_here(proxy: RunningProxy, provider: FakeProvider, chunked: bool) -> None:
    body = b'{"input": "Hello, how are you?", "model": "gpt-4"}'
    reply = send(proxy, "/v1/tokenize", iter([body[:9], body[9:]]) if chunked else body)
    assert (reply.status, reply.json) == (200, {"tokens": 6, "model": "gpt-4", "method": "cl100k_base"})
    assert send(proxy, "/v1/tokenize", {}).reason == "missing_field"
    assert send(proxy, "/v1/tokenize", {"input": "x"}, headers={}).status == 401
    assert send(proxy, "/v1/tokenize").headers["allow"] == "POST"
    assert provider.arrivals == []


def test_what_would_happen(proxy: RunningProxy, provider: FakeProvider) -> None:
    said = send(proxy, "/v1/route-check?model=groq/llama").json
    assert (said["provider"], said["available"], said["sent_model"]) == ("groq", True, "llama")
    assert said["target"] == f"127.0.0.1:{provider.port}"
    assert send(proxy, "/health", headers=BEARER).json["providers"]["groq"] is True
    assert "providers" not in send(proxy, "/health", headers={}).json
    assert provider.arrivals == []

"""One base URL for every provider: the model says where. (reference system 002)"""

from __future__ import annotations

import json

import pytest

from tests.client import BEARER, CHAT, send
from tests.provider import FakeProvider
from tests.proxy import TOKEN, RunningProxy

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("chunked", [False, True])
def test_the_model_chooses_and_only_its_span_changes(
    proxy: RunningProxy, provider: FakeProvider, chunked: bool
) -> None:
    body = json.dumps(CHAT | {"model": "groq/llama"}, indent=1).encode()
    pieces = iter([body[:9], body[9:]]) if chunked else body
    reply = send(proxy, "/v1/chat/completions", pieces, headers=BEARER | {"Content-Type": "application/json"})
    assert reply.status == 200, reply.body
    arrived = provider.wait_for(1)[0]
    assert (arrived.target, arrived.body) == ("/openai/v1/chat/completions", body.replace(b"groq/llama", b"llama"))


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_the_path_names_the_model(proxy: RunningProxy, provider: FakeProvider, version: str) -> None:
    """Google's SDK with our bare address; /v1/models/ID alone is a page of ours."""
    target = f"/{version}/models/gemini-2:generateContent"
    reply = send(proxy, target, {"contents": [{"parts": [{"text": "hi"}]}]}, headers={"x-goog-api-key": TOKEN})
    (arrived,) = provider.wait_for(1)
    assert (reply.status, arrived.target) == (200, target)
    assert reply.json["candidates"][0]["content"]["parts"][0]["text"] == "pong"


def test_an_unknown_model_reaches_nobody(proxy: RunningProxy, provider: FakeProvider) -> None:
    reply = send(proxy, "/v1/chat/completions", CHAT)
    assert (reply.status, reply.reason, provider.arrivals) == (400, "no_provider", [])


def test_the_field_provider_is_taken_out_and_nothing_else(proxy: RunningProxy, provider: FakeProvider) -> None:
    body = json.dumps(CHAT | {"provider": "groq", "é": [1.0, 1e2]}, indent=1, ensure_ascii=False).encode()
    headers = BEARER | {"Content-Type": "application/json", "X-SESSION-ID": "s-1", "Cookie": "session_id=s-2"}
    before = proxy.recorder.ended
    assert send(proxy, "/v1/chat/completions", body, headers=headers).status == 200
    arrived = provider.wait_for(1)[0]
    assert arrived.target == "/openai/v1/chat/completions"
    assert arrived.body == body.replace(b'"provider": "groq",\n ', b"")
    assert arrived.header("x-session-id") is None and arrived.header("cookie") is None
    flow = proxy.recorder.wait_ended(before + 1)[-1]
    assert flow.metadata["mitmvault_session"] == "s-1" and " · session s-1" in flow.comment


def test_a_refusal_names_the_session(proxy: RunningProxy, provider: FakeProvider) -> None:
    before, headers = proxy.recorder.ended, BEARER | {"X-Session-ID": "s-3"}
    assert send(proxy, "/v1/chat/completions", CHAT | {"provider": "nobody"}, headers=headers).reason == "no_provider"
    assert proxy.recorder.wait_ended(before + 1)[-1].comment.endswith(" · session s-3")
    assert provider.arrivals == []

"""One base URL for every provider: the model says where. (reference system 002)"""

from __future__ import annotations

import json

import pytest

from tests.client import BEARER, CHAT, send
from tests.provider import FakeProvider
from tests.proxy import RunningProxy

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


def test_an_unknown_model_reaches_nobody(proxy: RunningProxy, provider: FakeProvider) -> None:
    reply = send(proxy, "/v1/chat/completions", CHAT)
    assert (reply.status, reply.reason, provider.arrivals) == (400, "no_provider", [])

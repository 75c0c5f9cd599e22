"""POST / with an object: which bodies are chats, and which model they get."""

from __future__ import annotations

import gzip

import pytest

from mitmvault.core.decide import decide
from mitmvault.core.message import chat_root
from mitmvault.core.message.body import read
from mitmvault.core.refusal import Refusal
from mitmvault.core.verdict import Permit
from tests.worlds import JSON, PROVIDERS, arrival, bearer, world

WORKERS = PROVIDERS | {"workers-ai": {"keys": [{"key": "made-up-cloudflare-01"}]}}


@pytest.mark.parametrize(
    ("body", "yes"),
    [(b'{"messages":[]}', True), (b" \n{}", True), (b"[]", False), (b'"x"', False), (b"1", False), (b"", False)],
)
def test_is_chat(body: bytes, yes: bool) -> None:
    assert chat_root.is_chat(read(arrival("/", JSON), body, 1000)) is yes


@pytest.mark.parametrize(
    ("body", "configured", "provider", "sent"),
    [
        (b'{"messages":[1]}', "", "workers-ai", b'{"model":"@cf/meta/llama-3-8b-instruct","messages":[1]}'),
        (b'{"messages":[1]}', "default_model: openai/gpt-x", "openai", b'{"model":"gpt-x","messages":[1]}'),
        (b'{"model":null,"messages":[1]}', "", "workers-ai", b'{"model":"@cf/meta/llama-3-8b-instruct","messages":[1]}'),
        (b'{"model":"default","messages":[1]}', "default_model: openai/gpt-x", "openai", b'{"model":"gpt-x","messages":[1]}'),
        (b'{"model":"groq/llama","messages":[1]}', "", "groq", b'{"model":"llama","messages":[1]}'),
        (b'{"messages":[1],"provider":"openai","model":"m"}', "", "openai", b'{"messages":[1],"model":"m"}'),
    ],
)  # fmt: skip
def test_which_model(body: bytes, configured: str, provider: str, sent: bytes) -> None:
    found = decide(world(WORKERS, configured=configured), arrival("/", bearer(), JSON), body)
    assert isinstance(found, Permit), found
    assert (found.provider, found.body) == (provider, sent) and found.target.path.endswith("/chat/completions")


def test_compressed() -> None:
    came = arrival("/", bearer(), JSON, ("Content-Encoding", "gzip"))
    found = decide(world(WORKERS), came, gzip.compress(b'{"messages":[1]}'))
    assert isinstance(found, Permit) and found.body
    assert gzip.decompress(found.body) == b'{"model":"@cf/meta/llama-3-8b-instruct","messages":[1]}'


@pytest.mark.parametrize(
    "body", [b"{}", b'{"messages":[]}', b'{"messages":"x"}', b'{"messages":null}', b'{"Messages":[1]}']
)
def test_messages_are_needed(body: bytes) -> None:
    found = decide(world(WORKERS), arrival("/", bearer(), JSON), body)
    assert isinstance(found, Refusal) and found.reason == "missing_messages"


def test_without_workers_ai_there_is_no_default() -> None:
    found = decide(world(), arrival("/", bearer(), JSON), b'{"messages":[1]}')
    assert isinstance(found, Refusal) and found.reason == "no_usable_key" and "workers-ai" in found.text

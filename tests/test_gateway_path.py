"""What a request looks like at the gateway: the path behind the slug, and the prefix of the model."""

from __future__ import annotations

from typing import Any

import pytest

from mitmvault.core.configuration import paths
from mitmvault.core.refusal import Refusal
from mitmvault.core.route import gateway_path
from tests.worlds import world

KEYS = [{"key": "made-up-key-0000000001"}]
CHAT = "/v1/chat/completions"
AZURE = {"endpoint": "https://res.openai.azure.com"}
DEPLOYED = "/openai/deployments/my-gpt/chat/completions"


def made(name: str, path: str, **fields: Any) -> Any:
    found = world({name: {"keys": KEYS, **fields}}, gateway=True)
    known = found.providers[name]
    return found, known, paths.openai_door(known.spec, paths.native(known.spec, path, lenient=True))


@pytest.mark.parametrize(
    ("name", "path", "fields", "behind"),
    [
        ("groq", "/openai/v1/chat/completions", {}, "/chat/completions"),
        ("openai", "/v1/files/f-1/content", {}, "/files/f-1/content"),
        ("anthropic", "/v1/messages", {}, "/v1/messages"),
        ("gemini", "/v1beta/models/g:generateContent", {}, "/v1beta/models/g:generateContent"),
        ("azure-openai", DEPLOYED, AZURE, "/res/my-gpt/chat/completions"),
    ],
)
def test_behind_the_slug(name: str, path: str, fields: dict[str, str], behind: str) -> None:
    assert gateway_path.behind_slug(*made(name, path, **fields)) == behind


@pytest.mark.parametrize(
    ("name", "path", "fields", "reason"),
    [
        ("azure-openai", DEPLOYED, {}, "provider_not_configured"),  # whose resource?
        ("azure-openai", "/openai/models", AZURE, "gateway_mode"),
        ("workers-ai", "/client/v4/accounts/a/ai/@cf/meta/llama", {}, "bad_path"),
    ],
)
def test_no_path_behind_the_slug(name: str, path: str, fields: dict[str, str], reason: str) -> None:
    with pytest.raises(Refusal) as caught:
        gateway_path.behind_slug(*made(name, path, **fields))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("mode", "name", "fields", "prefix"),
    [
        ("compat", "gemini", {}, "google-ai-studio"),
        ("compat", "gemini", {"gatewayModelPrefix": "mine"}, "mine"),
        ("rest", "gemini", {"gatewayModelPrefix": "mine"}, "google"),
        ("native", "gemini", {"gatewayModelPrefix": "mine"}, None),
        ("universal", "gemini", {}, None),
        ("gateway", "gemini", {}, None),
        ("gateway", "gemini", {"gatewayModelPrefix": "mine"}, "mine"),
        ("rest", "mine", {"gatewayModelPrefix": "custom-mine", "endpoint": "https://mine.example/v1"}, "custom-mine"),
    ],
)
def test_model_prefix(mode: str, name: str, fields: dict[str, str], prefix: str | None) -> None:
    _, known, _ = made(name, CHAT, **fields)
    assert gateway_path.model_prefix(known, mode) == prefix


def test_who_has_no_name_at_the_gateway_is_refused() -> None:
    _, known, native = made("mine", CHAT, endpoint="https://mine.example/v1")
    for asked in (
        lambda: gateway_path.model_prefix(known, "compat"),
        lambda: gateway_path.slug(known, "native", native),
    ):
        with pytest.raises(Refusal, match="gatewayModelPrefix"):
            asked()


@pytest.mark.parametrize("endpoint", ["/x", "\\x", "https://evil.example", "data:x", "//evil.example/x"])
def test_what_could_be_another_host_is_refused(endpoint: str) -> None:
    with pytest.raises(Refusal, match="must not begin"):
        gateway_path.relative(endpoint)


def test_a_relative_path_stays() -> None:
    assert gateway_path.relative("chat/completions") == "chat/completions"


@pytest.mark.parametrize(
    ("name", "path", "tail"),
    [
        ("groq", "/openai/v1/chat/completions", "/chat/completions"),
        ("gemini", "/v1beta/openai/chat/completions", "/chat/completions"),
        ("openai", "/v1/responses", "/responses"),
        ("anthropic", "/v1/messages", "/messages"),
        ("openai", "/v1/embeddings", None),
        ("gemini", "/v1beta/models/g:generateContent", None),
    ],
)
def test_what_the_rest_api_has(name: str, path: str, tail: str | None) -> None:
    _, known, native = made(name, path)
    assert gateway_path.rest_tail(known, native) == tail
    assert gateway_path.is_chat(known, native) is (tail == "/chat/completions")

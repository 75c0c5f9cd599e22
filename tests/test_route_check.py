"""Where would a chat with this model go? By the decision that a chat would meet. (reference system 001)"""

from __future__ import annotations

from typing import Any

import pytest

from mitmvault.core.refusal import Refusal
from tests.pages import get
from tests.worlds import PROVIDERS, bearer, through_gateway, world

STAMP = 1_767_225_600_250
CF = {"workers-ai": {"keys": [{"key": "made-up-cf-key-0001"}]}}


def check(model: str, user: str = "alice", made: Any = None) -> Any:
    return get(made or world(PROVIDERS | CF), f"/v1/route-check?model={model}", bearer(user))


@pytest.mark.parametrize(
    ("model", "provider", "target", "sent"),
    [
        ("gpt-4", "openai", "api.openai.com", "gpt-4"),
        ("gemini-pro", "gemini", "generativelanguage.googleapis.com", "gemini-pro"),
        ("groq%2Fllama-3.3", "groq", "api.groq.com", "llama-3.3"),
        ("@cf/meta/llama-4-scout-17b-16e-instruct", "workers-ai", "api.cloudflare.com",
         "@cf/meta/llama-4-scout-17b-16e-instruct"),
    ],
)  # fmt: skip
def test_routes(model: str, provider: str, target: str, sent: str) -> None:
    said = check(model)
    assert said["provider"] == provider and said["available"] is True and said["timestamp"] == STAMP
    assert (said["mode"], said["target"], said["sent_model"]) == ("direct", target, sent)
    assert said["rule"] == "model" and "gatewayEndpoint" in said["why"]


def test_through_the_gateway() -> None:
    said = check("gpt-4", made=through_gateway())
    assert (said["mode"], said["target"], said["sent_model"]) == ("compat", "gateway.ai.cloudflare.com", "openai/gpt-4")


@pytest.mark.parametrize(
    ("model", "user", "provider", "reason"),
    [
        ("nobody-knows-this", "alice", None, "no_provider"),  # 001 falls back to Cloudflare; nothing is guessed here
        ("mistral/large", "alice", "mistral", "no_usable_key"),
        ("gpt-4", "carol", "openai", "provider_not_allowed"),
        ("groq/big", "dave", "groq", "model_not_allowed"),
        ("homeless/x", "alice", "homeless", "provider_not_configured"),
    ],
)
def test_what_is_not_available_says_why(model: str, user: str, provider: str | None, reason: str) -> None:
    said = check(model, user)
    assert (said["available"], said["provider"], said["reason"]) == (False, provider, reason)
    assert said["message"] and said["model"] == model and said["timestamp"] == STAMP


def test_no_model_is_an_error() -> None:
    """001 takes its default model."""
    with pytest.raises(Refusal) as caught:
        check("")
    assert caught.value.reason == "missing_model"

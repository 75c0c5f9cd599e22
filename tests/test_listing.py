"""Lists from the vault: shapes, order, scopes, and what is left to the provider. (reference system 003, section 2.2)"""

from __future__ import annotations

from typing import Any

import pytest

from mitmvault.core.refusal import Refusal
from tests import pages
from tests.worlds import PROVIDERS, arrival, bearer, intercepted, world

MODELS = [
    {"id": "z-last", "contextWindow": 8192, "maxOutputTokens": 2048, "priority": 20},
    {"id": "org/with/slashes", "contextWindow": 4096, "maxOutputTokens": 0, "usage": "embedding", "priority": 10},
    {"id": "cheap"},
]
WORLD = world(PROVIDERS | {"groq": PROVIDERS["groq"] | {"models": MODELS}})


def get(target: str, *headers: tuple[str, str]) -> Any:
    return pages.get(WORLD, target, *headers)


def test_providers_are_those_with_a_usable_key_in_the_vaults_order() -> None:
    assert get("/v1/providers", bearer())["data"] == [
        {"id": name, "object": "provider", "protocol": "openai"} for name in PROVIDERS if name != "mistral"
    ]


def test_providers_of_a_limited_user() -> None:
    assert [entry["id"] for entry in get("/v1/providers", bearer("carol"))["data"]] == ["gemini", "groq"]


def test_models_keep_the_vaults_order() -> None:
    found = get("/groq/v1/models?limit=3", bearer())
    assert found["object"] == "list"
    assert [model["id"] for model in found["data"]] == ["z-last", "org/with/slashes", "cheap"]
    assert found["data"][0] == {
        "id": "z-last", "object": "model", "created": 0, "owned_by": "groq",
        "context_window": 8192, "context_length": 8192, "max_completion_tokens": 2048,
    }  # fmt: skip


def test_models_of_a_limited_user() -> None:
    assert [model["id"] for model in get("/groq/v1/models", bearer("dave"))["data"]] == ["cheap"]


def test_model_options_are_the_vaults_models_with_their_providers() -> None:
    """001 says `created: now`; a model is not that young, so ours is 0 as in the other lists."""
    assert get("/v1/model-options", bearer()) == {
        "object": "list",
        "data": [
            {"id": model["id"], "object": "model", "provider": "groq", "created": 0}
            for model in MODELS
        ],
    }  # fmt: skip
    assert [model["id"] for model in get("/v1/model-options", bearer("dave"))["data"]] == ["cheap"]


def test_model_options_need_a_usable_key() -> None:
    expired = world({"mistral": PROVIDERS["mistral"] | {"models": MODELS}})
    assert pages.get(expired, "/v1/model-options", bearer())["data"] == []


@pytest.mark.parametrize("path", ["org/with/slashes", "org%2Fwith%2Fslashes", "org/with%2Fslashes"])
def test_one_model_with_slashes(path: str) -> None:
    assert get(f"/groq/v1/models/{path}", bearer())["id"] == "org/with/slashes"


@pytest.mark.parametrize(
    ("target", "user", "reason"),
    [
        ("/v1/providers", None, "missing_token"),
        ("/v1/model-options", None, "missing_token"),
        ("/groq/v1/models", None, "missing_token"),
        ("/nobody/v1/models", None, "missing_token"),
        ("/nobody/v1/models", "alice", "not_found"),
        ("/morph/v1/models", "alice", "not_found"),
        ("/groq/v1/models/nope", "alice", "not_found"),
        ("/groq/v1/models/z-last", "dave", "not_found"),
        ("/openai/v1/models", "carol", "provider_not_allowed"),
        ("/groq/v1/models/../x", "alice", "bad_path"),
    ],
)
def test_refused(target: str, user: str | None, reason: str) -> None:
    with pytest.raises(Refusal) as caught:
        get(target, *([bearer(user)] if user else []))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "came",
    [
        arrival("/openai/v1/models", bearer(), method="GET"),  # the vault names no models: the provider's own list
        arrival("/groq/v1/models", bearer()),  # a POST
        arrival("/groq/v1/modelsx", bearer(), method="GET"),
        arrival("/groq/v1/embeddings", bearer(), method="GET"),
        arrival("/groq/v1/models", bearer(), ("X-Host-Final", "api.groq.com"), method="GET"),
        intercepted("api.groq.com", "/groq/v1/models", bearer(), method="GET"),
    ],
)
def test_not_ours_to_answer(came: Any) -> None:
    assert pages.page(WORLD, came) is None

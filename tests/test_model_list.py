"""Providers' own lists of models, each in the shape in which that provider gives it out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mitmvault.core.configuration.model_list import USUAL, ModelList, as_openai, read
from tests.worlds import CATALOGUE


def models(provider: str, document: Any) -> list[dict[str, Any]]:
    shape = CATALOGUE.by_name[provider].list
    assert shape
    return [as_openai(provider, *found) for found in read(shape, json.dumps(document).encode())]


@pytest.mark.parametrize(
    ("provider", "document", "expected"),
    [
        ("openai", {"data": [{"id": "gpt-4o", "object": "model", "created": 1715367049, "owned_by": "system"}]},
         {"id": "openai/gpt-4o", "created": 1715367049, "owned_by": "system"}),
        ("groq", {"data": [{"id": "llama", "context_window": 8192, "active": True}]},
         {"id": "groq/llama", "created": 0, "owned_by": "groq", "context_window": 8192, "active": True}),
        ("anthropic", {"data": [{"id": "claude-1", "type": "model", "created_at": "2025-02-19T00:00:00Z"}]},
         {"id": "anthropic/claude-1", "created": 1739923200, "owned_by": "anthropic", "type": "model",
          "created_at": "2025-02-19T00:00:00Z"}),
        ("gemini", {"models": [{"name": "models/gemini-2", "inputTokenLimit": 1048576}]},
         {"id": "gemini/gemini-2", "created": 0, "owned_by": "gemini", "name": "models/gemini-2",
          "inputTokenLimit": 1048576}),
        ("cohere", {"models": [{"name": "command-r", "endpoints": ["chat"]}]},
         {"id": "cohere/command-r", "created": 0, "owned_by": "cohere", "name": "command-r", "endpoints": ["chat"]}),
        ("workers-ai", {"success": True, "result": [{"id": "uuid", "name": "@cf/meta/llama"}]},
         {"id": "workers-ai/@cf/meta/llama", "created": 0, "owned_by": "workers-ai", "name": "@cf/meta/llama"}),
        ("together", [{"id": "org/x", "created": 7.9, "type": "chat"}],
         {"id": "together/org/x", "created": 7, "owned_by": "together", "type": "chat"}),
        ("openrouter", {"data": [{"id": "openrouter/auto", "created": None, "owned_by": ""}]},
         {"id": "openrouter/openrouter/auto", "created": 0, "owned_by": "openrouter"}),
    ],
)  # fmt: skip
def test_shapes(provider: str, document: Any, expected: dict[str, Any]) -> None:
    assert models(provider, document) == [expected | {"object": "model"}]


@pytest.mark.parametrize("body", [
    b"", b"<html>", b"[]", b"{}", b'{"data": {}}', b'{"data": ["x"]}', b'{"data": [{}]}', b'{"data": [{"id": 1}]}',
    b'{"data": [{"id": ""}]}', b'{"models": []}', b"\xff",
])  # fmt: skip
def test_another_shape_is_an_error_and_not_an_empty_list(body: bytes) -> None:
    with pytest.raises(ValueError):
        list(read(USUAL, body))


def test_created_that_is_no_time() -> None:
    for odd in ("soon", "0001-01-01T00:00:00+23:59", True, [], "1e400"):
        assert as_openai("p", "m", {"created": odd})["created"] in (0, -62135683140)


def test_providers_without_a_list() -> None:
    assert {spec.id for spec in CATALOGUE.specs if spec.list is None} == {
        "replicate", "google-vertex-ai", "aws-bedrock"}  # fmt: skip
    assert CATALOGUE.by_name["groq"].list == ModelList()

"""The table of shapes: it is sound, and the catalogue says which is whose."""

from __future__ import annotations

import pytest

from mitmvault.core.formats.usage_shapes import SHAPES
from tests.worlds import CATALOGUE


@pytest.mark.parametrize("shape", SHAPES)
def test_no_wanted_path_leads_through_another(shape: str) -> None:
    """Else formats/json_scan.py could not read both at once."""
    wanted = SHAPES[shape].wanted
    assert not any(path[:depth] in wanted for path in wanted for depth in range(1, len(path)))


@pytest.mark.parametrize("shape", SHAPES)
def test_every_member_is_found_by_its_first_name(shape: str) -> None:
    rows = SHAPES[shape].meanings
    found = {(meaning, rank, (name, *rest)) for name, places in rows.items() for meaning, rank, rest in places}
    members = SHAPES[shape].members.items()
    assert found == {(meaning, rank, path) for meaning, paths in members for rank, path in enumerate(paths)}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_needle_finds_every_place(shape: str) -> None:
    for place in SHAPES[shape].wanted:
        if "model" not in place[-1]:
            value = b"7" if () in SHAPES[shape].places else b'{"x":1}'
            assert SHAPES[shape].needle.search(b'{"' + place[-1].encode() + b'" : ' + value)
    assert not SHAPES[shape].needle.search(b'{"content":"\\"usage\\":{\\"prompt_tokens\\":5}"}')


USAGE = {  # what differs from OpenAI's
    "/v1/messages": ("anthropic", "anthropic"),
    "/v1/chat/completions": ("anthropic", "openai"),
    "/v1beta/models/x:streamGenerateContent": ("gemini", "google"),
    "/v1beta/openai/chat/completions": ("gemini", "openai"),
    "/v2/chat": ("cohere", "cohere"),
    "/compatibility/v1/chat/completions": ("cohere", "openai"),
    "/anthropic/v1/messages": ("deepseek", "anthropic"),
    "/model/x/converse-stream": ("aws-bedrock", "bedrock"),
    "/openai/v1/chat/completions": ("aws-bedrock", "openai"),
    "/anthropic/v1/messages/": ("aws-bedrock", "anthropic"),
    "/v1/projects/p/locations/l/publishers/anthropic/models/c:rawPredict": ("google-vertex-ai", "anthropic"),
    "/v1/projects/p/locations/l/publishers/google/models/g:generateContent": ("google-vertex-ai", "google"),
    "/v1/projects/p/locations/l/endpoints/openapi/chat/completions": ("google-vertex-ai", "openai"),
    "/client/v4/accounts/a/ai/run/@cf/x": ("workers-ai", "workers-ai"),
    "/api/chat": ("ollama", "ollama"),
    "/v1/predictions": ("replicate", "replicate"),
}


@pytest.mark.parametrize("path", USAGE)
def test_the_catalogue_says_which(path: str) -> None:
    name, shape = USAGE[path]
    assert CATALOGUE.by_name[name].usage_for(path) == shape

"""The model in a path: found decoded, changed raw."""

from __future__ import annotations

import pytest

from mitmvault.core.configuration.path_model import EXAMPLES, find, is_template
from mitmvault.core.refusal import Refusal

GEMINI, AZURE, BEDROCK, WORKERS = EXAMPLES


@pytest.mark.parametrize(
    ("template", "path", "model", "renamed"),
    [
        (GEMINI, "/v1beta/models/g-1:generateContent", "g-1", "/v1beta/models/a/b:generateContent"),
        (GEMINI, "/v1/models/g%2D1%3AgenerateContent", "g-1", "/v1/models/a/b%3AgenerateContent"),
        (GEMINI, "/v1/mod%65ls/x/y:countTokens", "x/y", "/v1/mod%65ls/a/b:countTokens"),
        (GEMINI, "/v1/models/x%2fy:countTokens", "x/y", "/v1/models/a%2Fb:countTokens"),
        (GEMINI, "/v1/models/g-1", None, ""),
        (GEMINI, "/v1/files/x:y", None, ""),
        (AZURE, "/openai/deployments/my-gpt/chat/completions", "my-gpt", "/openai/deployments/a/b/chat/completions"),
        (AZURE, "/openai/deployments%2Fdear/chat", "dear", "/openai/deployments%2Fa/b/chat"),
        (AZURE, "/openai/deployments/my-gpt", None, ""),
        (BEDROCK, "/model/x.y-v1%3A0/converse", "x.y-v1:0", "/model/a/b/converse"),
        (BEDROCK, "/model/arn%3Aaws%3Ax%2Fy/invoke", "arn:aws:x/y", "/model/a%2Fb/invoke"),
        (BEDROCK, "/model/arn:aws:x/y/invoke", "arn:aws:x/y", "/model/a/b/invoke"),
        (BEDROCK, "/model/x", None, ""),
        (WORKERS, "/ai/run/@cf/meta/llama", "@cf/meta/llama", "/ai/run/a/b"),
        (WORKERS, "/ai/run/@cf%2Fmeta%2Fllama", "@cf/meta/llama", "/ai/run/a%2Fb"),
        (WORKERS, "/ai/run/\u00e9%C3%A9", "\u00e9\u00e9", "/ai/run/a/b"),
        (WORKERS, "/ai/run/100%", "100%", "/ai/run/a/b"),
    ],
)
def test_found_and_renamed(template: str, path: str, model: str | None, renamed: str) -> None:
    found = find([template], path)
    assert (found.value if found else None) == model
    if found:
        assert found.renamed("a/b") == renamed
        assert path[: found.start] + path[found.start : found.end] + path[found.end :] == path


@pytest.mark.parametrize(
    "path",
    ["/models/cheap:x/models/dear:generateContent", "/models/a/models/dear:generateContent", "/models/a:/models/b:c"],
)
def test_two_models_are_refused(path: str) -> None:
    with pytest.raises(Refusal, match="two models"):
        find([GEMINI], path)


@pytest.mark.parametrize(
    "text", ["", "/models/", "{model}", "models/{model}", "/models/{model}?", "/x/{model}/{op}/y", "/a b/{model}"]
)
def test_no_template(text: str) -> None:
    assert not is_template(text)

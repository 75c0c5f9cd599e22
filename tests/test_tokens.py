"""Counting tokens: exact for OpenAI's models, honest about others, bounded for everybody."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from mitmvault.core.refusal import Refusal
from mitmvault.local import tokens
from tests.pages import page
from tests.worlds import arrival, bearer, world

HELLO = "Hello, how are you?"  # 6 tokens in both vocabularies


def ask(body: Any, *headers: tuple[str, str], user: tuple[str, str] | None = None) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    reply = page(world(), arrival("/v1/tokenize", user or bearer(), *headers), raw)
    assert reply
    return json.loads(reply.body)


@pytest.mark.parametrize(
    ("model", "method"),
    [
        ("gpt-4o-mini", "o200k_base"), ("openai/gpt-4.1", "o200k_base"), ("gpt-5", "o200k_base"), ("o3", "o200k_base"),
        ("chatgpt-4o-latest", "o200k_base"), ("GPT-4o", "o200k_base"), ("gpt-4", "cl100k_base"),
        ("gpt-4-turbo", "cl100k_base"), ("gpt-3.5-turbo", "cl100k_base"), ("text-embedding-3-small", "cl100k_base"),
        ("claude-opus-4", "o200k_base (approximation)"), ("@cf/meta/llama-4-scout", "o200k_base (approximation)"),
        ("ollama/other", "o200k_base (approximation)"),
    ],
)  # fmt: skip
def test_the_vocabulary_follows_the_model(model: str, method: str) -> None:
    assert ask({"input": HELLO, "model": model}) == {"tokens": 6, "model": model, "method": method}


def test_the_two_vocabularies_differ() -> None:
    """Counted with OpenAI's own tokenizer: the same text is 8 tokens in cl100k and 4 in o200k."""
    text = "Здравствуй, мир"
    assert ask({"input": text, "model": "gpt-4"})["tokens"] > ask({"input": text, "model": "gpt-4o"})["tokens"]


@pytest.mark.parametrize("model", [None, 5, ""])
def test_no_model(model: Any) -> None:
    assert ask({"input": HELLO, "model": model}) == {
        "tokens": 6, "model": "unknown", "method": "o200k_base (approximation)"}  # fmt: skip


@pytest.mark.parametrize(
    ("body", "expected", "method"),
    [
        ({"input": [HELLO, HELLO]}, 12, "o200k_base"),
        ({"input": ""}, 0, "o200k_base"),
        ({"input": "<|endoftext|>"}, 7, "o200k_base"),  # text, not a control token
        ({"messages": [{"role": "user", "content": HELLO}]}, 6 + 1 + 3 + 3, "o200k_base + chat format"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": HELLO}, {"type": "image_url"}]},
                       {"role": "assistant", "content": None}]}, 6 + 2 + 6 + 3, "o200k_base + chat format"),
    ],
)  # fmt: skip
def test_forms(body: dict[str, Any], expected: int, method: str) -> None:
    assert ask(body | {"model": "gpt-4o"}) == {"tokens": expected, "model": "gpt-4o", "method": method}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "missing_field"),
        ({"input": None}, "missing_field"),
        ({"input": 5}, "missing_field"),
        ({"input": []}, "missing_field"),
        ({"input": ["a", 1]}, "missing_field"),
        ({"messages": []}, "missing_field"),
        ({"messages": ["hi"]}, "missing_field"),
        ([], "bad_json"),
        (b"", "bad_json"),
        (b'{"input": "\\ud800"}', "bad_json"),
        (b'{"input": "\xff"}', "bad_json"),
        (b'{"input":' + b"[" * 100_000, "bad_json"),
        ({"input": "x" * tokens.MAX_BYTES}, "body_too_large"),
    ],
)
def test_refused(body: Any, reason: str) -> None:
    with pytest.raises(Refusal) as caught:
        ask(body)
    assert caught.value.reason == reason


def test_an_encoded_body_and_a_bomb() -> None:
    zipped = ("Content-Encoding", "gzip")
    assert ask(gzip.compress(json.dumps({"input": HELLO}).encode()), zipped)["tokens"] == 6
    with pytest.raises(Refusal) as caught:
        ask(gzip.compress(b" " * 10_000_000), zipped)
    assert caught.value.status in (400, 413)


def test_nobody_counts_without_a_token() -> None:
    with pytest.raises(Refusal) as caught:
        ask({"input": HELLO}, user=("X-Other", "1"))
    assert caught.value.reason == "missing_token"


@pytest.mark.parametrize(
    "text", ["a" * 100_000, "aé" * 50_000, " " * 100_000, "\n/" * 50_000, "A\u0301" * 50_000, "!_" * 50_000]
)
def test_very_long_words_are_cut_and_the_answer_says_so(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    longest = []
    real = tokens.load("o200k_base")
    assert real
    encode = real.encode
    spy = real._replace(encode=lambda piece: longest.append(len(piece)) or encode(piece))
    monkeypatch.setattr(tokens, "load", lambda name: spy)
    said = ask({"input": text, "model": "gpt-4o"})
    if max(map(len, real.words(text))) > tokens.LONGEST:
        assert said["method"] == "o200k_base (approximation)" and max(longest) <= tokens.LONGEST
    assert said["tokens"] > 0


def test_without_the_vocabularies_it_is_an_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "load", lambda name: None)
    assert ask({"input": HELLO, "model": "gpt-4"}) == {"tokens": 7, "model": "gpt-4", "method": "estimate"}


@pytest.mark.parametrize(("text", "expected"), [("", 0), ("word", 2), ("words", 3), ("a, b.", 4), ("x" * 40, 11)])
def test_the_estimate(text: str, expected: int) -> None:
    """Each sum times 1.1, rounded up, as in 001."""
    assert tokens.estimate(text) == expected


def test_a_missing_package_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(tokens.importlib, "import_module", missing)
    assert tokens.load.__wrapped__("o200k_base") is None

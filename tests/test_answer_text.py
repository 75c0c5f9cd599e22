"""Whole bodies of answers, as they are and cut off, and the page about them."""

from __future__ import annotations

import json

import pytest

from mitmvault.core.answer import answer_text
from mitmvault.core.answer.answer_parts import CALL, TEXT, Part, Said
from tests.answers_with_usage import FOLDER, recorded

CHUNK = {"choices": [{"index": 0, "delta": {"content": "Hé"}}]}
EVENT = b"data: " + json.dumps(CHUNK).encode()
WORDS = {"openai": "choices", "google": "candidates"}
CORPUS = [path.stem for path in sorted(FOLDER.glob("*.txt")) if path.stem.startswith(("openai-", "anthropic", "gemini", "cohere", "ollama"))
          and not any(word in path.stem for word in ("embed", "images", "transcription"))]  # fmt: skip


@pytest.mark.parametrize("name", CORPUS)
def test_the_corpus_is_understood(name: str) -> None:
    answer = recorded(FOLDER / f"{name}.txt")
    found = answer_text.of(answer.body)
    assert found.documents and not found.skipped and found.finish
    assert "cohere" in name or found.model
    assert any(part.text for part in found.parts.values()) or b'"content":[]' in answer.body


@pytest.mark.parametrize("name", [name for name in CORPUS if "stream" in name])
def test_a_stream_that_is_cut_anywhere_is_told_as_far_as_it_came(name: str) -> None:
    body = recorded(FOLDER / f"{name}.txt").body
    length = 0
    for end in range(0, len(body), 97):
        found = answer_text.of(body[:end])
        said = sum(len(part.text) for part in found.parts.values())
        assert said >= length and found.skipped <= 1
        length = said


@pytest.mark.parametrize(
    "body",
    [
        EVENT + b"\n\n" + EVENT + b"\n\ndata: [DONE]\n\n",
        EVENT + b"\r\n\r\n" + EVENT,
        b": ping\n\nevent: x\n" + EVENT + b"\n\nid: 1\n\n" + EVENT + b"\n\n",
        b"\n\n" + EVENT + b"\n\n" + EVENT + b"\n\n",
        json.dumps(CHUNK).encode() * 2,
        json.dumps(CHUNK).encode() + b"\n" + json.dumps(CHUNK).encode() + b"\n",
        json.dumps([CHUNK, CHUNK], indent=1).encode(),
    ],
)
def test_forms_of_a_body(body: bytes) -> None:
    found = answer_text.of(body)
    assert [*found.parts.values()] == [Part(TEXT, "HéHé")] and (found.documents, found.skipped) == (2, 0)


@pytest.mark.parametrize(
    ("body", "documents", "skipped"),
    [
        (b"", 0, 0), (b"<html>", 0, 1), (b"[1, 2]", 0, 0), (b'{"a": ', 0, 1), (b"\xff\xfe", 0, 1),
        (b"data: {\n\ndata: 5\n\n" + EVENT, 1, 1), (b"[" * 100_000, 0, 0), (b'{"a":' * 100_000, 0, 1),
        (b"data: " + b'{"a":' * 100_000, 0, 1),
    ],
)  # fmt: skip
def test_what_is_none(body: bytes, documents: int, skipped: int) -> None:
    found = answer_text.of(body)
    assert (found.documents, found.skipped) == (documents, skipped)


def test_the_page() -> None:
    said = Said({0: Part(TEXT, "Hello\nworld\x1b[2J"), 1: Part(CALL, '{"a":1}', "f\nforged"), 2: Part(CALL, '{"a', "g")},
                "gpt", "stop", {}, ["over\nloaded"], 3, 1)  # fmt: skip
    lines = answer_text.page(said, "5 in, 3 out", cut=True).splitlines()
    assert lines[:6] == [
        "model     gpt", "ended     stop", "usage     5 in, 3 out", "error     over\\x0aloaded",
        "skipped   1 pieces that are no JSON, or cut off", "cut       the rest was not kept (store_bodies)"]  # fmt: skip
    assert lines[6:10] == ["", "── text " + "─" * 52, "Hello", "world\\x1b[2J"]
    assert lines[11].startswith("── tool call f\\x0aforged ─") and lines[12:15] == ["{", '  "a": 1', "}"]
    assert lines[-1] == '{"a'


def test_the_providers_own_numbers() -> None:
    said = Said(usage={"prompt_tokens": 5, "details": {}, "completion_tokens": 3})
    assert "usage     prompt_tokens 5, completion_tokens 3" in answer_text.page(said)


def test_an_answer_without_an_end() -> None:
    assert "ended     no word of how: the answer is not whole" in answer_text.page(Said(documents=1))

"""Which bodies are read how, and what the readers know of them. (Whole answers: test_token_meter.py)"""

from __future__ import annotations

import json

import pytest

from mitmvault.core.answer import answer_readers
from mitmvault.core.answer.answer_readers import Frames, Json, Lines, Sse, reader_of
from mitmvault.core.answer.usage import Tally, Usage
from mitmvault.core.formats.usage_shapes import SHAPES


@pytest.mark.parametrize(
    ("kind", "reader"),
    [
        ("application/json", Json),
        ("application/json; charset=utf-8", Json),
        ("Application/JSON", Json),
        ("application/problem+json", Json),
        ("text/event-stream", Sse),
        ("text/event-stream;charset=UTF-8", Sse),
        ("application/x-ndjson", Lines),
        ("application/vnd.amazon.eventstream", Frames),
        ("audio/mpeg", None),
        ("", None),
    ],
)
def test_which_reader(kind, reader):
    assert reader_of(kind) is reader


def event(**fields) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


@pytest.mark.parametrize("kept", [10, 10_000])
def test_what_the_model_has_said(monkeypatch, kept):
    """However much is kept before it is looked at. What is called `delta` is not counted a second time."""
    monkeypatch.setattr(answer_readers, "UNHEARD", kept)
    reader = Sse(SHAPES["openai"], Tally(SHAPES["openai"]))
    for part in ("one ", "two ", "three"):
        reader.feed(event(delta=part))
    reader.feed(event(text="one two three"))
    assert reader.said() == (b"one two three", 13)


def test_the_first_statement_and_the_newest():
    tally = Tally(SHAPES["openai"])
    reader = Sse(SHAPES["openai"], tally)
    reader.feed(event(usage={"prompt_tokens": 5}))
    assert tally.usage.input == 5
    for count in (1, 2, 3):
        reader.feed(event(usage={"completion_tokens": count}))
    assert tally.usage.output == 0  # not looked at yet
    reader.end()
    assert tally.usage == Usage(5, 3, source="stated")

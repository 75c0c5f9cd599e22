"""Tokens of WebSockets: the sum of what every answer states."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitmvault.core.answer.session_meter import SessionMeter
from mitmvault.core.answer.usage import STATED, Usage
from mitmvault.core.formats.usage_shapes import SHAPES


def heard(shape: str, *messages: Any) -> Usage:
    meter = SessionMeter(SHAPES[shape])
    for message in messages:
        meter.feed(message if isinstance(message, bytes) else json.dumps(message).encode())
    return meter.usage


def done(given: int, answered: int, cached: int = 0) -> dict[str, Any]:
    """The end of an answer, as OpenAI's Realtime API tells it."""
    usage = {"total_tokens": given + answered, "input_tokens": given, "output_tokens": answered,
             "input_token_details": {"text_tokens": given, "audio_tokens": 0, "cached_tokens": cached},
             "output_token_details": {"text_tokens": answered}}  # fmt: skip
    return {"type": "response.done", "response": {"object": "realtime.response", "usage": usage}}


def test_openai_states_each_answer_once() -> None:
    begun = {"type": "response.created", "response": {"usage": None}}
    delta = {"type": "response.output_text.delta", "delta": '"usage":{"input_tokens":9}'}
    assert heard("openai", begun, delta, done(100, 20, 64), begun, delta, done(150, 30)) == Usage(
        250, 50, 64, 0, 0, STATED
    )


def gemini(given: int, answered: int, **content: Any) -> dict[str, Any]:
    counts = {"promptTokenCount": given, "responseTokenCount": answered, "totalTokenCount": given + answered}
    return {"serverContent": content, "usageMetadata": counts}


def test_geminis_numbers_grow_within_a_turn() -> None:
    first = [gemini(10, 3, modelTurn={"parts": []}), gemini(10, 8, turnComplete=True)]
    assert heard("google", *first) == Usage(10, 8, source=STATED)
    assert heard("google", *first, gemini(30, 5)) == Usage(40, 13, source=STATED)
    assert heard("google", *first, {"serverContent": {"turnComplete": True}}) == Usage(10, 8, source=STATED)


@pytest.mark.parametrize("message", [b"", b"\x00\xff" * 99, b"{", b'{"usage":{', {"type": "response.done"}, "hello"])
@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_stated(shape: str, message: Any) -> None:
    assert heard(shape, message, message) == Usage()


@given(st.lists(st.binary(max_size=30) | st.sampled_from([b'{"usage":{"prompt_tokens":1}}', b'"usage":{']), max_size=6))
def test_anything_at_all(messages: list[bytes]) -> None:
    heard("openai", *messages)

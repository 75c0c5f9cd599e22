"""The wire formats: shapes, totals, and that the pieces of a stream make up the answer."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest

from mitmvault.local.dialects import Answer, Ask, anthropic, count_tokens, dump, gemini, openai, pieces
from mitmvault.local.dialects.common import prompt_text

ASK = Ask("some-model", "two words", stream=True, include_usage=True)
ANSWER = Answer("One  two\nthree — ünï.\n", serial=255, created=5)
TEXTS = ["pong", "x", "", "One two three", "  led by spaces", "trailing  \n", "ünï — \n\n⚡ fin", " "]


def sse(chunks: Any, newline: str = "\n") -> list[Any]:
    """Parse events strictly; an `event:` line must agree with the data."""
    raw = b"".join(chunks).decode()
    assert raw.endswith(newline * 2)
    parsed = []
    for event in raw.removesuffix(newline * 2).split(newline * 2):
        lines = dict(line.split(": ", 1) for line in event.split(newline))
        data = lines["data"] if lines["data"] == "[DONE]" else json.loads(lines["data"])
        assert lines.get("event") in (None, data["type"] if isinstance(data, dict) and "type" in data else None)
        parsed.append(data)
    return parsed


@pytest.mark.parametrize("text", TEXTS)
def test_pieces_lose_nothing(text: str) -> None:
    assert "".join(pieces(text)) == text
    assert len(pieces(text)) >= min(2, len(text.strip()))


@pytest.mark.parametrize("text, count", [("", 1), ("a", 1), (" a b\nc ", 3)])
def test_count_tokens(text: str, count: int) -> None:
    assert count_tokens(text) == count


@pytest.mark.parametrize(
    "content, text",
    [
        ("a b", "a b"),
        ([{"role": "user", "content": "a"}, {"role": "user", "content": [{"type": "text", "text": "b"}]}], "a b"),
        ([{"parts": [{"text": "a"}, {"inlineData": {"data": "AAAA"}}]}], "a"),
        ({"content": None}, ""),
        (7, ""),
    ],
)
def test_prompt_text(content: Any, text: str) -> None:
    assert prompt_text(content) == text


MESSAGES = [{"role": "user", "content": "a b"}]


@pytest.mark.parametrize(
    "ask, expected",
    [
        (lambda: openai.read({"model": "m", "messages": MESSAGES}), Ask("m", "a b")),
        (lambda: openai.read({"model": "m", "messages": MESSAGES, "stream": True}), Ask("m", "a b", True)),
        (
            lambda: openai.read(
                {"model": "m", "messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
            ),
            Ask("m", "a b", True, True),
        ),
        (lambda: anthropic.read({"model": "m", "system": "s", "messages": MESSAGES}), Ask("m", "s a b")),
        (lambda: anthropic.read({"model": "m", "messages": MESSAGES, "stream": True}), Ask("m", "a b", True)),
        (lambda: gemini.read({"contents": [{"parts": [{"text": "a"}]}]}, "m", True), Ask("m", "a", True)),
        (lambda: gemini.read({"contents": {"parts": [{"text": "a"}]}}, "m", False), Ask("m", "a")),
    ],
)
def test_read(ask: Any, expected: Ask) -> None:
    assert ask() == expected


@pytest.mark.parametrize(
    "read, field",
    [
        (lambda: openai.read({"messages": MESSAGES}), "model"),
        (lambda: openai.read({"model": 3, "messages": MESSAGES}), "model"),
        (lambda: openai.read({"model": "m", "messages": []}), "messages"),
        (lambda: anthropic.read({"model": "m"}), "messages"),
        (lambda: gemini.read({}, "m", False), "contents"),
        (lambda: openai.read_embeddings({"model": "m"}), "input"),
        (lambda: openai.read_embeddings({"input": "a"}), "model"),
        (lambda: openai.read_embeddings({"model": "m", "input": "a", "dimensions": 10**9}), "dimensions"),
        (lambda: openai.read_embeddings({"model": "m", "input": ["a"] * 5000}), "inputs"),
    ],
)
def test_read_refuses(read: Any, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        read()


def test_openai_whole() -> None:
    whole = openai.whole(ASK, ANSWER)
    assert (whole["object"], whole["model"], whole["created"]) == ("chat.completion", "some-model", 5)
    assert whole["choices"][0]["message"]["content"] == ANSWER.text
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert (whole["usage"]["prompt_tokens"], whole["usage"]["completion_tokens"], whole["usage"]["total_tokens"]) == (
        2, 5, 7,
    )  # fmt: skip


@pytest.mark.parametrize("include_usage", [True, False])
def test_openai_stream(include_usage: bool) -> None:
    *chunks, done = sse(openai.stream(Ask("m", "two words", True, include_usage), ANSWER))
    assert done == "[DONE]"
    if include_usage:
        last = chunks.pop()
        assert last["choices"] == []
        assert last["usage"] == openai.whole(ASK, ANSWER)["usage"]
    assert [chunk.get("usage", "absent") for chunk in chunks] == [None if include_usage else "absent"] * len(chunks)
    assert len({chunk["id"] for chunk in chunks}) == 1
    choices = [chunk["choices"][0] for chunk in chunks]
    assert choices[0]["delta"]["role"] == "assistant"
    assert "".join(choice["delta"].get("content", "") for choice in choices) == ANSWER.text
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["stop"]


def test_openai_models() -> None:
    listed = openai.models(["a", "b"])
    assert [entry["id"] for entry in listed["data"]] == ["a", "b"]
    assert listed["data"][0] == openai.model("a")


@pytest.mark.parametrize(
    "given, vectors, tokens",
    [("two words", 1, 2), (["a", "b c"], 2, 3), ([1, 2], 1, 2), ([[1, 2], [3]], 2, 3)],
)
def test_openai_embeddings(given: Any, vectors: int, tokens: int) -> None:
    body = {"model": "e", "input": given, "dimensions": 5}
    floats = openai.embeddings(openai.read_embeddings(body))
    packed = openai.embeddings(openai.read_embeddings({**body, "encoding_format": "base64"}))
    assert [entry["index"] for entry in floats["data"]] == list(range(vectors))
    assert floats["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
    for as_list, as_base64 in zip(floats["data"], packed["data"], strict=True):
        assert list(struct.unpack("<5f", base64.b64decode(as_base64["embedding"]))) == as_list["embedding"]


def test_anthropic_whole() -> None:
    whole = anthropic.whole(ASK, ANSWER)
    assert whole["content"] == [{"type": "text", "text": ANSWER.text}]
    assert (whole["usage"]["input_tokens"], whole["usage"]["output_tokens"]) == (2, 5)


def test_anthropic_stream() -> None:
    events = sse(anthropic.stream(ASK, ANSWER))
    kinds = [event["type"] for event in events]
    deltas = [event for event in events if event["type"] == "content_block_delta"]
    assert kinds == [
        "message_start", "content_block_start", "ping", *["content_block_delta"] * len(deltas),
        "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip
    assert "".join(event["delta"]["text"] for event in deltas) == ANSWER.text
    assert events[0]["message"]["usage"]["input_tokens"] == 2
    assert events[-2]["usage"] == anthropic.whole(ASK, ANSWER)["usage"]


def test_gemini_whole() -> None:
    whole = gemini.whole(ASK, ANSWER)
    assert whole["candidates"][0]["content"]["parts"] == [{"text": ANSWER.text}]
    assert whole["usageMetadata"] == {"promptTokenCount": 2, "candidatesTokenCount": 5, "totalTokenCount": 7}


@pytest.mark.parametrize(
    "parsed",
    [
        lambda: sse(gemini.stream_events(ASK, ANSWER), "\r\n"),
        lambda: json.loads(b"".join(gemini.stream_array(ASK, ANSWER))),
    ],
    ids=["sse", "array"],
)
def test_gemini_streams(parsed: Any) -> None:
    responses = parsed()
    candidates = [response["candidates"][0] for response in responses]
    assert "".join(candidate["content"]["parts"][0]["text"] for candidate in candidates) == ANSWER.text
    assert [candidate.get("finishReason") for candidate in candidates] == [None] * (len(responses) - 1) + ["STOP"]
    counts = [response["usageMetadata"]["candidatesTokenCount"] for response in responses]
    assert counts == sorted(counts)
    assert responses[-1]["usageMetadata"] == gemini.whole(ASK, ANSWER)["usageMetadata"]


@pytest.mark.parametrize(
    "error, expected",
    [
        (openai.error(401, "t"), {"error": {"message": "t", "type": "invalid_request_error", "param": None,
                                            "code": "invalid_api_key"}}),
        (openai.error(503, "t")["error"]["type"], "server_error"),
        (openai.error(418, "t")["error"]["type"], "invalid_request_error"),
        (anthropic.error(401, "t"), {"type": "error", "error": {"type": "authentication_error", "message": "t"},
                                     "request_id": None}),
        (anthropic.error(500, "t")["error"]["type"], "api_error"),
        (gemini.error(401, "t"), {"error": {"code": 401, "message": "t", "status": "UNAUTHENTICATED"}}),
        (gemini.error(405, "t")["error"]["status"], "INVALID_ARGUMENT"),
    ],
)  # fmt: skip
def test_errors(error: Any, expected: Any) -> None:
    assert error == expected


def test_dump_survives_half_a_surrogate_pair() -> None:
    assert json.loads(dump({"model": "a\ud800ü"})) == {"model": "a?ü"}

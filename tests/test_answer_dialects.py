"""What models say, in every dialect, whole and in pieces."""

from __future__ import annotations

from typing import Any

import pytest

from mitmvault.core.answer.answer_dialects import read
from mitmvault.core.answer.answer_parts import CALL, REASONING, REFUSAL, RESULT, TEXT, Part, Said


def said(*documents: dict[str, Any]) -> Said:
    found = Said()
    for document in documents:
        read(found, document)
    return found


def delta(index: int = 0, finish: str | None = None, **what: Any) -> dict[str, Any]:
    return {"model": "gpt-x", "choices": [{"index": index, "delta": what, "finish_reason": finish}]}


def call(index: int, arguments: str, **more: Any) -> dict[str, Any]:
    return delta(tool_calls=[{"index": index, "function": {"arguments": arguments, **more}}])


def gemini(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"candidates": [{"index": 0, "content": {"parts": list(parts)}, **more}], "modelVersion": "gemini-x"}


def block(index: int, **what: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": what}


def piece(index: int, kind: str, **what: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **what}}


def cohere(kind: str, index: int = 0, **message: Any) -> dict[str, Any]:
    return {"type": kind, "index": index, "delta": {"message": message}}


CASES: dict[str, tuple[list[dict[str, Any]], list[Part], str]] = {
    "chat": (
        [{"choices": [{"message": {"content": "Hello", "reasoning_content": "hm",
                                   "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
                       "finish_reason": "tool_calls"}]}],
        [Part(REASONING, "hm"), Part(TEXT, "Hello"), Part(CALL, "{}", "f")], "tool_calls"),
    "chat in pieces": (
        [delta(content=""), delta(reasoning="h"), delta(reasoning="m"), delta(content="Hel"), delta(content="lo"),
         call(0, '{"a"', name="f"), call(1, "[]", name="g"), call(0, ":1}"), delta(finish="stop")],
        [Part(REASONING, "hm"), Part(TEXT, "Hello"), Part(CALL, '{"a":1}', "f"), Part(CALL, "[]", "g")], "stop"),
    "two choices": ([delta(0, content="a"), delta(1, content="b"), delta(0, content="c")],
                    [Part(TEXT, "ac"), Part(TEXT, "b")], ""),
    "refusal": ([delta(refusal="I "), delta(refusal="won't")], [Part(REFUSAL, "I won't")], ""),
    "custom tool": ([{"choices": [{"message": {"tool_calls": [{"custom": {"name": "f", "input": "x"}}]}}]}],
                    [Part(CALL, "x", "f")], ""),
    "completions": ([{"choices": [{"text": "Hel"}]}, {"choices": [{"text": "lo", "finish_reason": "length"}]}],
                    [Part(TEXT, "Hello")], "length"),
    "anthropic": (
        [{"type": "message", "stop_reason": "tool_use", "content": [
            {"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hello"},
            {"type": "tool_use", "name": "f", "input": {"a": 1}}]}],
        [Part(REASONING, "hm"), Part(TEXT, "Hello"), Part(CALL, '{"a": 1}', "f")], "tool_use"),
    "anthropic in pieces": (
        [{"type": "message_start", "message": {"model": "claude"}}, block(0, type="thinking", thinking=""),
         piece(0, "thinking_delta", thinking="hm"), piece(0, "signature_delta", signature="x"),
         block(1, type="text", text=""), piece(1, "text_delta", text="Hel"), piece(1, "text_delta", text="lo"),
         block(2, type="server_tool_use", name="f", input={}), piece(2, "input_json_delta", partial_json='{"a"'),
         piece(2, "input_json_delta", partial_json=":1}"), block(3, type="web_search_tool_result", content=[1]),
         {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}],
        [Part(REASONING, "hm"), Part(TEXT, "Hello"), Part(CALL, '{"a":1}', "f"), Part(RESULT, "[1]")], "end_turn"),
    "gemini": (
        [gemini({"text": "h", "thought": True}), gemini({"text": "m", "thought": True}, {"text": "Hel"}),
         gemini({"text": "lo"}, {"functionCall": {"name": "f", "args": {"a": 1}}}),
         gemini({"executableCode": {"code": "1+1"}}, finishReason="STOP")],
        [Part(REASONING, "hm"), Part(TEXT, "Hello"), Part(CALL, '{"a": 1}', "f"), Part(CALL, "1+1", "code")], "STOP"),
    "cohere": ([{"finish_reason": "COMPLETE", "message": {"tool_plan": "hm", "content": [{"type": "text", "text": "Hello"}],
                                                          "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}}],
               [Part(TEXT, "Hello"), Part(REASONING, "hm"), Part(CALL, "{}", "f")], "COMPLETE"),
    "cohere in pieces": (
        [cohere("tool-plan-delta", tool_plan="hm"), cohere("content-start", content={"type": "text", "text": ""}),
         cohere("content-delta", content={"text": "Hel"}), cohere("content-delta", content={"text": "lo"}),
         cohere("tool-call-start", 1, tool_calls={"function": {"name": "f", "arguments": ""}}),
         cohere("tool-call-delta", 1, tool_calls={"function": {"arguments": "{}"}}),
         {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}],
        [Part(REASONING, "hm"), Part(TEXT, "Hello"), Part(CALL, "{}", "f")], "COMPLETE"),
    "ollama": (
        [{"message": {"content": "Hel", "thinking": "hm"}}, {"message": {"content": "lo"}},
         {"message": {"content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}},
         {"message": {"content": ""}, "done": True, "done_reason": "stop"}],
        [Part(TEXT, "Hello"), Part(REASONING, "hm"), Part(CALL, '{"a": 1}', "f")], "stop"),
    "workers ai": ([{"response": "Hel"}, {"result": {"response": "lo"}}], [Part(TEXT, "Hello")], ""),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_said(name: str) -> None:
    documents, parts, finish = CASES[name]
    found = said(*documents)
    assert ([*found.parts.values()], found.finish, found.documents) == (parts, finish, len(documents))


@pytest.mark.parametrize(
    ("documents", "model", "usage"),
    [
        ([delta(content="a"), {"choices": [], "usage": {"prompt_tokens": 5}}], "gpt-x", {"prompt_tokens": 5}),
        ([{"type": "message_start", "message": {"model": "claude", "usage": {"input_tokens": 5, "output_tokens": 1}}},
          {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 9}}], "claude",
         {"input_tokens": 5, "output_tokens": 9}),
        ([{**gemini(), "usageMetadata": {"promptTokenCount": 5}}], "gemini-x", {"promptTokenCount": 5}),
        ([{"type": "response.completed", "response": {"model": "gpt-5", "usage": {"input_tokens": 5}}}], "gpt-5",
         {"input_tokens": 5}),
    ],
)  # fmt: skip
def test_model_and_usage(documents: list[dict[str, Any]], model: str, usage: dict[str, int]) -> None:
    found = said(*documents)
    assert (found.model, found.usage) == (model, usage)


@pytest.mark.parametrize(
    "document",
    [
        {"error": {"message": "overloaded", "type": "x"}},
        {"error": "overloaded"},
        {"type": "error", "error": {"type": "overloaded_error", "message": "overloaded"}},
        {"type": "response.failed", "response": {"status": "failed", "error": {"message": "overloaded"}}},
    ],
)
def test_errors(document: dict[str, Any]) -> None:
    assert said(document).errors == ["overloaded"]


@pytest.mark.parametrize(
    "document",
    [
        {"choices": None}, {"choices": [1, {"delta": "x"}, {"delta": {"content": 5, "tool_calls": [{"function": 1}]}}]},
        {"candidates": [{"content": None}, {"content": {"parts": {}}}]}, {"type": 5}, {"type": "content_block_delta"},
        {"type": "content_block_delta", "delta": {"type": []}}, {"type": "message", "content": "x"},
        {"output": [{"content": "x", "summary": 5}, {"type": "x_call", "arguments": 5, "name": 5}]},
        {"type": "response.completed", "response": None}, {"model": 5, "usage": "x", "error": 5},
        {"type": "response.output_item.added"}, {"type": "content-delta", "delta": {"message": 5}}, {"message": {"content": [5]}},
        {"type": "tool-call-delta", "delta": {"message": {"tool_calls": {"function": []}}}}, {"result": {"x": 1}},
        {"type": "response.output_text.delta", "delta": None},
    ],
)  # fmt: skip
def test_nonsense_is_no_failure(document: dict[str, Any]) -> None:
    assert not any(part.text for part in said(document).parts.values())

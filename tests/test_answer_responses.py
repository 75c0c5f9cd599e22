"""What models say in OpenAI's Responses, whole and in pieces."""

from __future__ import annotations

from typing import Any

import pytest

from mitmvault.core.answer.answer_parts import CALL, REASONING, REFUSAL, TEXT, Part
from tests.test_answer_dialects import said


def item(index: int, kind: str = "response.output_item.added", **what: Any) -> dict[str, Any]:
    return {"type": kind, "output_index": index, "item": what}


def event(kind: str, index: int, text: str, **more: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "output_index": index, "delta": text, **more}


OUTPUT = [
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
    {"type": "message", "content": [{"type": "output_text", "text": "Hello"}, {"type": "refusal", "refusal": "No"}]},
    {"type": "function_call", "name": "f", "arguments": '{"a":1}'},
    {"type": "web_search_call"},
]
SAID = [Part(REASONING, "hm"), Part(TEXT, "Hello"), Part(REFUSAL, "No"), Part(CALL, '{"a":1}', "f"),
        Part(CALL, "", "web_search")]  # fmt: skip

CASES: dict[str, tuple[list[dict[str, Any]], list[Part], str]] = {
    "responses": ([{"object": "response", "status": "completed", "output": OUTPUT}], SAID, "completed"),
    "responses in pieces": (
        [{"type": "response.created", "response": {"model": "gpt-5", "status": "in_progress", "output": []}},
         item(0, type="reasoning", summary=[]), event("reasoning_summary_text", 0, "h", summary_index=0),
         event("reasoning_summary_text", 0, "m", summary_index=0), item(1, type="message", content=[]),
         event("output_text", 1, "Hel", content_index=0), event("output_text", 1, "lo", content_index=0),
         event("refusal", 1, "No", content_index=1), item(2, type="function_call", name="f", arguments=""),
         event("function_call_arguments", 2, '{"a"'), event("function_call_arguments", 2, ":1}"),
         item(3, type="web_search_call")],
        SAID, ""),
    "responses, pieces and end": (
        [event("output_text", 1, "Hel", content_index=0),
         {"type": "response.completed", "response": {"status": "completed", "output": [{}, OUTPUT[1]]}}],
        [Part(TEXT, "Hello"), Part(REFUSAL, "No")], "completed"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_said(name: str) -> None:
    documents, parts, finish = CASES[name]
    found = said(*documents)
    assert ([*found.parts.values()], found.finish) == (parts, finish)

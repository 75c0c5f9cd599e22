"""Answers of OpenAI's Responses, whole and as events, as parts. Source: OpenAI's OpenAPI, `ResponseStreamEvent` (2026).

What came in pieces is there once more at the end of its item, and at the end of all: the whole replaces its pieces.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mitmvault.core.answer.answer_parts import CALL, REASONING, REFUSAL, TEXT, Said, objects, word
from mitmvault.core.formats.document import Document


def _item(said: Said, number: Any, item: Document) -> None:
    """An item of Responses, whole or at its beginning."""
    kind = str(item.get("type"))
    for at, part in enumerate(objects(item.get("content"))):
        inner = {"refusal": REFUSAL, "reasoning_text": REASONING}.get(str(part.get("type")), TEXT)
        said.put((number, inner, at), inner, part.get("refusal") if inner == REFUSAL else part.get("text"))
    for at, part in enumerate(objects(item.get("summary"))):
        said.put((number, REASONING, at), REASONING, part.get("text"))
    if kind.endswith("_call"):
        text = next((item[name] for name in ("arguments", "input", "code") if isinstance(item.get(name), str)), "")
        said.put((number, CALL, 0), CALL, text, item.get("name") or kind.removesuffix("_call"))


def _item_event(said: Said, event: Document) -> None:
    if isinstance(event.get("item"), dict):
        _item(said, event.get("output_index"), event["item"])


def _item_delta(kind: str, part: str = "") -> Callable[[Said, Document], None]:
    def read(said: Said, event: Document) -> None:
        said.add((event.get("output_index"), kind, event.get(part, 0)), kind, event.get("delta"))

    return read


def whole(said: Said, document: Document) -> None:
    """A whole response."""
    for number, item in enumerate(objects(document.get("output"))):
        _item(said, number, item)
    if document.get("status") in ("completed", "incomplete", "failed", "cancelled"):
        said.finish = word(document["status"])


def _response_end(said: Said, event: Document) -> None:
    if isinstance(event.get("response"), dict):
        whole(said, event["response"])


# The type of an event -> what is read from it.
EVENTS: dict[str, Callable[[Said, Document], None]] = {
    "response.output_item.added": _item_event,
    "response.output_item.done": _item_event,
    "response.output_text.delta": _item_delta(TEXT, "content_index"),
    "response.refusal.delta": _item_delta(REFUSAL, "content_index"),
    "response.reasoning_text.delta": _item_delta(REASONING, "content_index"),
    "response.reasoning_summary_text.delta": _item_delta(REASONING, "summary_index"),
    "response.function_call_arguments.delta": _item_delta(CALL),
    "response.mcp_call_arguments.delta": _item_delta(CALL),
    "response.custom_tool_call_input.delta": _item_delta(CALL),
    "response.code_interpreter_call_code.delta": _item_delta(CALL),
    "response.completed": _response_end,
    "response.incomplete": _response_end,
    "response.failed": _response_end,
}

"""The parts of a model's answer, read from documents of its provider: texts, reasoning, calls of tools, how it ended.

Streams and documents of OpenAI's chat, completions and Responses, of Anthropic and Gemini, and what speaks like them.

Rules: 1. A document says by its members whose dialect it is, not by where it came from: one table, any order.
       2. Nothing is added: a text that came in pieces is those pieces, one behind the other.

Sources: the vendors' OpenAPI documents and SDKs (2026): OpenAI `CreateChatCompletionStreamResponse`,
`ResponseStreamEvent`; Anthropic `RawMessageStreamEvent`; Gemini `GenerateContentResponse`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mitmvault.core.document import Document

TEXT, REASONING, REFUSAL, CALL, RESULT = "text", "reasoning", "refusal", "tool call", "tool result"


@dataclass
class Part:
    """One piece of what was said. `name`: of a tool, else empty."""

    kind: str
    text: str = ""
    name: str = ""


@dataclass
class Said:
    """An answer, as far as it came."""

    parts: dict[Any, Part] = field(default_factory=dict)  # by where they stand in the answer, in order of appearance
    model: str = ""
    finish: str = ""  # the provider's word for why it ended; empty: it did not say
    usage: Document = field(default_factory=dict)  # as the provider stated it, later statements over earlier ones
    errors: list[str] = field(default_factory=list)
    documents: int = 0
    skipped: int = 0  # pieces that were no JSON

    def add(self, where: Any, kind: str, text: Any = "", name: Any = "") -> None:
        """Some more of a part."""
        part = self.parts.setdefault(where, Part(kind))
        part.text += text if isinstance(text, str) else ""
        part.name = part.name or (name if isinstance(name, str) else "")

    def put(self, where: Any, kind: str, text: Any, name: Any = "") -> None:
        """A whole part, in place of its pieces."""
        if isinstance(text, str) and (text or where not in self.parts):
            self.parts[where] = Part(kind, text, name if isinstance(name, str) else "")


def read(said: Said, document: Document) -> None:
    """Take what one document says."""
    said.documents += 1
    _general(said, document)
    reader = next((read for fits, read in _DIALECTS if fits(document)), None)
    if reader:
        reader(said, document)


def _general(said: Said, document: Document) -> None:
    """What all dialects have, each at its own place."""
    inner = [found for name in ("response", "message") if isinstance(found := document.get(name), dict)]
    for each in (document, *inner):
        model = each.get("model") or each.get("modelVersion")
        said.model = model if isinstance(model, str) else said.model
        for name in ("usage", "usageMetadata"):
            if isinstance(found := each.get(name), dict):
                said.usage |= found
        error = each.get("error")
        if isinstance(error, dict) and isinstance(error.get("message"), str):
            error = error["message"]
        if isinstance(error, str) and error:
            said.errors.append(error)


def _chat(said: Said, document: Document) -> None:
    for choice in _objects(document.get("choices")):
        number = choice.get("index", 0)
        said.finish = _word(choice.get("finish_reason")) or said.finish
        for message in _objects([choice, choice.get("delta"), choice.get("message")]):
            for name, kind in (("reasoning_content", REASONING), ("reasoning", REASONING), ("text", TEXT),
                               ("content", TEXT), ("refusal", REFUSAL)):  # fmt: skip
                if isinstance(message.get(name), str) and message[name]:
                    said.add((number, kind), kind, message[name])
            for at, call in enumerate(_objects(message.get("tool_calls"))):
                function = call.get("function") or call.get("custom") or {}
                if isinstance(function, dict):
                    text = function.get("arguments") or function.get("input")
                    said.add((number, CALL, call.get("index", at)), CALL, text, function.get("name"))


def _gemini(said: Said, document: Document) -> None:
    for candidate in _objects(document.get("candidates")):
        number = candidate.get("index", 0)
        said.finish = _word(candidate.get("finishReason")) or said.finish
        content = candidate.get("content")
        for part in _objects(content.get("parts") if isinstance(content, dict) else None):
            if isinstance(part.get("text"), str):
                kind = REASONING if part.get("thought") is True else TEXT
                said.add((number, kind), kind, part["text"])
            elif isinstance(call := part.get("functionCall"), dict):
                said.add((number, CALL, len(said.parts)), CALL, _dumped(call.get("args")), call.get("name"))
            elif isinstance(code := part.get("executableCode"), dict):
                said.add((number, CALL, len(said.parts)), CALL, code.get("code"), "code")


def _block(said: Said, number: Any, block: Document) -> None:
    """A block of Anthropic's, whole or at its beginning."""
    kind = block.get("type")
    if kind in ("text", "thinking"):
        said.add(number, TEXT if kind == "text" else REASONING, block.get(kind))
    elif isinstance(kind, str) and kind.endswith("tool_use"):
        said.add(number, CALL, _dumped(block["input"]) if block.get("input") else "", block.get("name"))
    elif isinstance(kind, str) and kind.endswith("tool_result"):
        said.add(number, RESULT, _dumped(block.get("content")))


def _anthropic(said: Said, document: Document) -> None:
    for number, block in enumerate(_objects(document.get("content"))):
        _block(said, number, block)
    said.finish = _word(document.get("stop_reason")) or said.finish


def _block_start(said: Said, event: Document) -> None:
    if isinstance(event.get("content_block"), dict):
        _block(said, event.get("index"), event["content_block"])


def _block_delta(said: Said, event: Document) -> None:
    delta = event.get("delta")
    found = _BLOCK_DELTAS.get(str(delta.get("type"))) if isinstance(delta, dict) else None
    if found and isinstance(delta, dict):
        said.add(event.get("index"), found[0], delta.get(found[1]))


def _message_delta(said: Said, event: Document) -> None:
    delta = event.get("delta")
    said.finish = (_word(delta.get("stop_reason")) if isinstance(delta, dict) else "") or said.finish


# What Anthropic calls a piece of a block -> what it is, and its member with the text.
_BLOCK_DELTAS = {
    "text_delta": (TEXT, "text"),
    "thinking_delta": (REASONING, "thinking"),
    "input_json_delta": (CALL, "partial_json"),
}


def _item(said: Said, number: Any, item: Document) -> None:
    """An item of Responses, whole or at its beginning."""
    kind = str(item.get("type"))
    for at, part in enumerate(_objects(item.get("content"))):
        inner = {"refusal": REFUSAL, "reasoning_text": REASONING}.get(str(part.get("type")), TEXT)
        said.put((number, inner, at), inner, part.get("refusal") if inner == REFUSAL else part.get("text"))
    for at, part in enumerate(_objects(item.get("summary"))):
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


def _responses(said: Said, document: Document) -> None:
    for number, item in enumerate(_objects(document.get("output"))):
        _item(said, number, item)
    if document.get("status") in ("completed", "incomplete", "failed", "cancelled"):
        said.finish = _word(document["status"])


def _response_end(said: Said, event: Document) -> None:
    if isinstance(event.get("response"), dict):
        _responses(said, event["response"])


# The type of an event -> what is read from it.
_EVENTS: dict[str, Callable[[Said, Document], None]] = {
    "content_block_start": _block_start,
    "content_block_delta": _block_delta,
    "message_delta": _message_delta,
    "message": _anthropic,
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


def _event(said: Said, event: Document) -> None:
    _EVENTS[str(event["type"])](said, event)


# Does a document speak this dialect? -> how it is read. (rule 1)
_DIALECTS: tuple[tuple[Callable[[Document], bool], Callable[[Said, Document], None]], ...] = (
    (lambda found: isinstance(found.get("choices"), list), _chat),
    (lambda found: isinstance(found.get("candidates"), list), _gemini),
    (lambda found: found.get("type") in _EVENTS, _event),
    (lambda found: isinstance(found.get("output"), list), _responses),
)


def _objects(value: Any) -> list[Document]:
    return [found for found in value if isinstance(found, dict)] if isinstance(value, list) else []


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if value is not None else ""


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""

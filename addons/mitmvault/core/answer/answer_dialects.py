"""Documents of providers, as parts of an answer: of OpenAI, Anthropic, Gemini, Cohere, Ollama, Workers AI.

Rules: 1. A document says by its members whose dialect it is, not by where it came from: one table, any order.
       2. A document is a whole answer, or a piece of a stream: both are read by the same table.

Sources: the vendors' OpenAPI documents and SDKs (2026): OpenAI `CreateChatCompletionStreamResponse`; Anthropic
`RawMessageStreamEvent`; Gemini `GenerateContentResponse`; Cohere `StreamedChatResponseV2`; Ollama's `/api/chat`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mitmvault.core.answer import answer_responses
from mitmvault.core.answer.answer_parts import (
    CALL,
    REASONING,
    REFUSAL,
    RESULT,
    TEXT,
    Said,
    dumped,
    inside,
    objects,
    word,
)
from mitmvault.core.formats.document import Document


def read(said: Said, document: Document) -> None:
    """Take what one document says."""
    said.documents += 1
    _general(said, document)
    _say(said, document)


def _say(said: Said, document: Document) -> None:
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
    for choice in objects(document.get("choices")):
        number = choice.get("index", 0)
        said.finish = word(choice.get("finish_reason")) or said.finish
        for message in objects([choice, choice.get("delta"), choice.get("message")]):
            for name, kind in (("reasoning_content", REASONING), ("reasoning", REASONING), ("text", TEXT),
                               ("content", TEXT), ("refusal", REFUSAL)):  # fmt: skip
                if isinstance(message.get(name), str) and message[name]:
                    said.add((number, kind), kind, message[name])
            for at, call in enumerate(objects(message.get("tool_calls"))):
                function = call.get("function") or call.get("custom") or {}
                if isinstance(function, dict):
                    text = function.get("arguments") or function.get("input")
                    said.add((number, CALL, call.get("index", at)), CALL, text, function.get("name"))


def _gemini(said: Said, document: Document) -> None:
    for candidate in objects(document.get("candidates")):
        number = candidate.get("index", 0)
        said.finish = word(candidate.get("finishReason")) or said.finish
        content = candidate.get("content")
        for part in objects(content.get("parts") if isinstance(content, dict) else None):
            if isinstance(part.get("text"), str):
                kind = REASONING if part.get("thought") is True else TEXT
                said.add((number, kind), kind, part["text"])
            elif isinstance(call := part.get("functionCall"), dict):
                said.add((number, CALL, len(said.parts)), CALL, dumped(call.get("args")), call.get("name"))
            elif isinstance(code := part.get("executableCode"), dict):
                said.add((number, CALL, len(said.parts)), CALL, code.get("code"), "code")


def _block(said: Said, number: Any, block: Document) -> None:
    """A block of Anthropic's, whole or at its beginning."""
    kind = block.get("type")
    if kind in ("text", "thinking"):
        said.add(number, TEXT if kind == "text" else REASONING, block.get(kind))
    elif isinstance(kind, str) and kind.endswith("tool_use"):
        said.add(number, CALL, dumped(block["input"]) if block.get("input") else "", block.get("name"))
    elif isinstance(kind, str) and kind.endswith("tool_result"):
        said.add(number, RESULT, dumped(block.get("content")))


def _anthropic(said: Said, document: Document) -> None:
    for number, block in enumerate(objects(document.get("content"))):
        _block(said, number, block)
    said.finish = word(document.get("stop_reason")) or said.finish


def _block_start(said: Said, event: Document) -> None:
    if isinstance(event.get("content_block"), dict):
        _block(said, event.get("index"), event["content_block"])


def _block_delta(said: Said, event: Document) -> None:
    found = _BLOCK_DELTAS.get(str(inside(event, "delta", "type")))
    if found:
        said.add(event.get("index"), found[0], inside(event, "delta", found[1]))


def _message_delta(said: Said, event: Document) -> None:
    said.finish = word(inside(event, "delta", "stop_reason")) or said.finish


# What Anthropic calls a piece of a block -> what it is, and its member with the text.
_BLOCK_DELTAS = {
    "text_delta": (TEXT, "text"),
    "thinking_delta": (REASONING, "thinking"),
    "input_json_delta": (CALL, "partial_json"),
}


def _message(said: Said, document: Document) -> None:
    """A message of Cohere's or Ollama's, whole; Ollama streams such documents."""
    message = document["message"]
    if text := word(message.get("content")):
        said.add(TEXT, TEXT, text)
    for number, block in enumerate(objects(message.get("content"))):
        _block(said, number, block)
    for name in ("thinking", "tool_plan"):
        if isinstance(message.get(name), str):
            said.add(REASONING, REASONING, message[name])
    for call in objects(message.get("tool_calls")):
        text = inside(call, "function", "arguments")
        text = text if isinstance(text, str) else dumped(text)
        said.add((CALL, len(said.parts)), CALL, text, inside(call, "function", "name"))
    said.finish = word(document.get("finish_reason")) or word(document.get("done_reason")) or said.finish


def _cohere_event(said: Said, event: Document) -> None:
    message, number = inside(event, "delta", "message"), event.get("index")
    for kind, place in ((TEXT, ("content", "text")), (REASONING, ("content", "thinking")), (REASONING, ("tool_plan",))):
        if text := word(inside(message, *place)):
            said.add((number, kind), kind, text)
    if isinstance(function := inside(message, "tool_calls", "function"), dict):
        said.add((number, CALL), CALL, function.get("arguments"), function.get("name"))
    said.finish = word(inside(event, "delta", "finish_reason")) or said.finish


# The type of an event -> what is read from it.
_EVENTS: dict[str, Callable[[Said, Document], None]] = {
    "content_block_start": _block_start,
    "content_block_delta": _block_delta,
    "message_delta": _message_delta,
    "message": _anthropic,
    **dict.fromkeys(
        ("content-start", "content-delta", "tool-plan-delta", "tool-call-start", "tool-call-delta", "message-end"),
        _cohere_event,
    ),
    **answer_responses.EVENTS,
}


def _event(said: Said, event: Document) -> None:
    _EVENTS[str(event["type"])](said, event)


# Does a document speak this dialect? -> how it is read. (rule 1)
_DIALECTS: tuple[tuple[Callable[[Document], bool], Callable[[Said, Document], None]], ...] = (
    (lambda found: isinstance(found.get("choices"), list), _chat),
    (lambda found: isinstance(found.get("candidates"), list), _gemini),
    (lambda found: found.get("type") in _EVENTS, _event),
    (lambda found: isinstance(found.get("output"), list), answer_responses.whole),
    (lambda found: isinstance(found.get("message"), dict), _message),
    (lambda found: isinstance(found.get("response"), str), lambda said, found: said.add(TEXT, TEXT, found["response"])),
    (lambda found: isinstance(found.get("result"), dict), lambda said, found: _say(said, found["result"])),
)

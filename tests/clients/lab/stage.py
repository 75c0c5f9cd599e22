"""The provider of the lab: answers each request as its mark's case wants it, in the dialect of its path."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

from tornado.web import RequestHandler

from mitmvault.local.dialects import Answer, Ask, anthropic, dump, gemini, openai
from tests.clients.lab import responses
from tests.clients.lab.mark import Mark
from tests.provider import Arrived, FakeProvider, Stream
from tests.provider_extras import cohere_events
from tests.provider_replies import Whole

TOOL, ARGUMENTS = "get_weather", {"city": "Genève"}
FAILURES = {"401": "Incorrect API key provided, says the lab", "429": "the lab is busy", "500": "the lab is broken"}
FIRST = "Pong"  # the first piece of every answer
TIMEOUT = 15.0  # seconds


class Stage:
    """Scripts a fake provider, once for all cases."""

    def __init__(self, provider: FakeProvider) -> None:
        self._streams: dict[Mark, Stream] = {}
        self._begun = threading.Condition()
        provider.text = _text
        provider.play(self, when=_is_scripted)

    def left(self, mark: Mark) -> bool:
        """Did the client of a stream that never ends leave, and did the provider notice?"""
        with self._begun:
            if not self._begun.wait_for(lambda: mark in self._streams, TIMEOUT):
                return False
        return self._streams[mark].disconnected.wait(TIMEOUT)

    async def play(self, handler: RequestHandler) -> None:
        """tests.provider_replies.Reply"""
        mark = Mark.find(handler.request.body)
        assert mark
        dialect = _dialect(handler.request.path)
        if dialect == "responses" and mark.case in ("json", "sse", "async", "body"):
            return await self._respond(handler, mark)
        if mark.case in FAILURES:
            return await _json(int(mark.case), ERRORS[dialect](int(mark.case), FAILURES[mark.case])).play(handler)
        if mark.case == "tools":
            return await _json(200, TOOLS[dialect]()).play(handler)
        stream = Stream(asyncio.get_running_loop(), 200, "text/event-stream", ())
        for event in STREAMS[dialect](Ask("m", ""), Answer(mark.answer)):
            stream.send(event)
            if FIRST.encode() in event:
                break
        with self._begun:
            self._streams[mark] = stream
            self._begun.notify_all()
        return await stream.play(handler)

    async def _respond(self, handler: RequestHandler, mark: Mark) -> None:
        """The Responses API, which the fake provider does not speak by itself."""
        if not json.loads(handler.request.body).get("stream"):
            return await _json(200, responses.whole(mark.answer)).play(handler)
        events = tuple(responses.stream(mark.answer))
        return await Whole(200, {"Content-Type": "text/event-stream"}, b"", events).play(handler)


def _is_scripted(arrived: Arrived) -> bool:
    mark = Mark.find(arrived.body)
    scripted = (*FAILURES, "tools", "cancel")
    return mark is not None and (mark.case in scripted or arrived.path.endswith("/responses"))


def _text(arrived: Arrived) -> str:
    mark = Mark.find(arrived.body)
    return mark.answer if mark else "There is no mark in this prompt."


def _dialect(path: str) -> str:
    return next(name for end, name in PATHS.items() if path.endswith(end))


def _json(status: int, document: dict[str, Any]) -> Whole:
    return Whole(status, {"Content-Type": "application/json"}, dump(document), None)


def _openai_tool() -> dict[str, Any]:
    whole = openai.whole(Ask("m", ""), Answer(""))
    function = {"name": TOOL, "arguments": json.dumps(ARGUMENTS)}
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
    }
    return whole | {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}


def _anthropic_tool() -> dict[str, Any]:
    whole = anthropic.whole(Ask("m", ""), Answer(""))
    block = {"type": "tool_use", "id": "toolu_1", "name": TOOL, "input": ARGUMENTS}
    return whole | {"content": [block], "stop_reason": "tool_use"}


def _gemini_tool() -> dict[str, Any]:
    whole = gemini.whole(Ask("m", ""), Answer(""))
    content = {"parts": [{"functionCall": {"name": TOOL, "args": ARGUMENTS}}], "role": "model"}
    return whole | {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}]}


def _cohere_tool() -> dict[str, Any]:
    function = {"name": TOOL, "arguments": json.dumps(ARGUMENTS)}
    calls = [{"id": "call_1", "type": "function", "function": function}]
    message = {"role": "assistant", "tool_plan": "I look it up.", "tool_calls": calls}
    return {"id": "c-1", "finish_reason": "TOOL_CALL", "message": message}


def _cohere_stream(ask: Ask, answer: Answer) -> Iterator[bytes]:
    yield from cohere_events(answer.text, {})


PATHS = {
    "/chat/completions": "openai",
    "/responses": "responses",
    "/messages": "anthropic",
    ":generateContent": "gemini",
    ":streamGenerateContent": "gemini",
    "/v2/chat": "cohere",
}
ERRORS: dict[str, Callable[[int, str], dict[str, Any]]] = {
    "openai": openai.error,
    "responses": openai.error,
    "anthropic": anthropic.error,
    "gemini": gemini.error,
    "cohere": lambda status, message: {"id": "e-1", "message": message},
}
TOOLS: dict[str, Callable[[], dict[str, Any]]] = {
    "openai": _openai_tool,
    "responses": lambda: responses.called(TOOL, json.dumps(ARGUMENTS)),
    "anthropic": _anthropic_tool,
    "gemini": _gemini_tool,
    "cohere": _cohere_tool,
}
STREAMS: dict[str, Callable[[Ask, Answer], Iterator[bytes]]] = {
    "openai": openai.stream,
    "responses": lambda ask, answer: responses.stream(answer.text),
    "anthropic": anthropic.stream,
    "gemini": gemini.stream_events,
    "cohere": _cohere_stream,
}

"""OpenAI's chat completions by hand, for clients that know HTTP and no more."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from common import FUNCTION, URL, Pieces

ADDRESS = ("https://api.openai.com/v1" if URL == "-" else URL) + "/chat/completions"
HEADERS = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}", "Content-Type": "application/json"}


class StatusError(Exception):
    """An answer that is none: its status, and what it says."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(body)
        self.status = status


def body(prompt: str, **more: Any) -> dict[str, Any]:
    """A chat of one message."""
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": prompt}], **more}


def with_tool(prompt: str) -> dict[str, Any]:
    """The same with a tool to call."""
    return body(prompt, tools=[FUNCTION])


def text(answer: dict[str, Any]) -> str:
    """What was answered."""
    return str(answer["choices"][0]["message"]["content"])


def call(answer: dict[str, Any]) -> tuple[str, Any]:
    """The tool that the answer calls, and with what."""
    function = answer["choices"][0]["message"]["tool_calls"][0]["function"]
    return function["name"], json.loads(function["arguments"])


def pieces(lines: Iterable[bytes | str]) -> Pieces:
    """The text of an event stream, as its lines come."""
    for line in lines:
        if found := piece(line):
            yield found


def piece(line: bytes | str) -> str:
    """The text in one line of an event stream; mostly none."""
    line = (line.decode() if isinstance(line, bytes) else line).strip()
    if not line.startswith("data: {"):
        return ""
    choices = json.loads(line.removeprefix("data: "))["choices"]
    return choices[0]["delta"].get("content") or "" if choices else ""

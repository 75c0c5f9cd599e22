"""Chat completions as SDKs in the form of OpenAI's have them: what `create(...)` returns, and how it is called."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

from common import FUNCTION, Client, Pieces

Create = Callable[..., Any]


def asked(model: str, prompt: str) -> dict[str, Any]:
    """The arguments of one question."""
    return {"model": model, "messages": [{"role": "user", "content": prompt}]}


def text(completion: Any) -> str:
    """What was answered."""
    return str(completion.choices[0].message.content)


def piece(chunk: Any) -> str:
    """The text in one chunk; in some there is none."""
    return (chunk.choices[0].delta.content or "") if chunk.choices else ""


def call(completion: Any) -> tuple[str, Any]:
    """The tool that is called, and with what."""
    function = completion.choices[0].message.tool_calls[0].function
    return function.name, json.loads(function.arguments)


def client(
    package: str,
    model: str,
    create: Create,
    create_async: Callable[[list[Any]], Awaitable[list[str]]],
    leave: Callable[[str], str] | None = None,
) -> Client:
    """A client that has `create` for one question; `create_async` gets three."""

    def stream(prompt: str) -> Pieces:
        chunks = create(**asked(model, prompt), stream=True)
        try:
            yield from filter(None, map(piece, chunks))
        finally:
            if not leave:
                chunks.close()

    return Client(
        version(package),
        whole=lambda prompt: text(create(**asked(model, prompt))),
        stream=stream,
        tool=lambda prompt: call(create(**asked(model, prompt), tools=[FUNCTION])),
        at_once=lambda prompts: asyncio.run(create_async([asked(model, prompt) for prompt in prompts])),
        leave=leave,
    )


async def at_once(create: Callable[..., Awaitable[Any]], questions: list[dict[str, Any]]) -> list[str]:
    """Three questions, the second one streamed."""

    async def whole(question: dict[str, Any]) -> str:
        return text(await create(**question))

    async def streamed(question: dict[str, Any]) -> str:
        return "".join([piece(chunk) async for chunk in await create(**question, stream=True)])

    return list(await asyncio.gather(whole(questions[0]), streamed(questions[1]), whole(questions[2])))

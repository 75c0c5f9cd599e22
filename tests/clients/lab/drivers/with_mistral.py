"""mistralai: MISTRAL_API_KEY, the argument server_url"""

from __future__ import annotations

import asyncio
import os
from importlib.metadata import version
from typing import Any

import completions
from common import FUNCTION, TIMEOUT, URL, Client, Pieces, main
from mistralai.client import Mistral

ARGUMENTS: dict[str, Any] = {"api_key": os.environ["MISTRAL_API_KEY"], "timeout_ms": int(1000 * TIMEOUT)}
if URL != "-":
    ARGUMENTS["server_url"] = URL
client = Mistral(**ARGUMENTS)


def asked(prompt: str) -> dict[str, Any]:
    return completions.asked("mistral-small-latest", prompt)


def stream(prompt: str) -> Pieces:
    with client.chat.stream(**asked(prompt)) as events:
        yield from filter(None, (completions.piece(event.data) for event in events))


async def at_once(prompts: list[str]) -> list[str]:
    async with Mistral(**ARGUMENTS) as client:

        async def whole(prompt: str) -> str:
            return completions.text(await client.chat.complete_async(**asked(prompt)))

        async def streamed(prompt: str) -> str:
            async with await client.chat.stream_async(**asked(prompt)) as events:
                return "".join([completions.piece(event.data) async for event in events])

        return await asyncio.gather(whole(prompts[0]), streamed(prompts[1]), whole(prompts[2]))


main(Client(
    version("mistralai"),
    whole=lambda prompt: completions.text(client.chat.complete(**asked(prompt))),
    stream=stream,
    tool=lambda prompt: completions.call(client.chat.complete(**asked(prompt), tools=[FUNCTION])),
    at_once=lambda prompts: asyncio.run(at_once(prompts)),
))  # fmt: skip

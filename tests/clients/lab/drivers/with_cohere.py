"""cohere: CO_API_KEY, CO_API_URL"""

from __future__ import annotations

import asyncio
import json
from importlib.metadata import version
from typing import Any

from cohere import AsyncClientV2, ClientV2
from common import FUNCTION, TIMEOUT, Client, Pieces, main

client = ClientV2(timeout=TIMEOUT)
ONCE: Any = {"max_retries": 0}


def asked(prompt: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}]
    return {"model": "command-a-03-2025", "messages": messages, "request_options": ONCE}


def text(answer: Any) -> str:
    return answer.message.content[0].text


def piece(event: Any) -> str:
    return event.delta.message.content.text if event.type == "content-delta" else ""


def stream(prompt: str) -> Pieces:
    events = client.chat_stream(**asked(prompt))
    try:
        yield from filter(None, map(piece, events))
    finally:
        events.close()


def tool(prompt: str) -> tuple[str, Any]:
    (call,) = client.chat(**asked(prompt), tools=[FUNCTION]).message.tool_calls
    return call.function.name, json.loads(call.function.arguments)


async def at_once(prompts: list[str]) -> list[str]:
    async with AsyncClientV2(timeout=TIMEOUT) as client:

        async def whole(prompt: str) -> str:
            return text(await client.chat(**asked(prompt)))

        async def streamed(prompt: str) -> str:
            return "".join([piece(event) async for event in client.chat_stream(**asked(prompt))])

        return await asyncio.gather(whole(prompts[0]), streamed(prompts[1]), whole(prompts[2]))


main(Client(
    version("cohere"),
    whole=lambda prompt: text(client.chat(**asked(prompt))),
    stream=stream,
    tool=tool,
    at_once=lambda prompts: asyncio.run(at_once(prompts)),
))  # fmt: skip

"""anthropic: ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL"""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any

from anthropic import Anthropic, AsyncAnthropic
from common import DESCRIPTION, PARAMETERS, TIMEOUT, TOOL, Client, Pieces, main

client = Anthropic(max_retries=0, timeout=TIMEOUT)


def asked(prompt: str) -> dict[str, Any]:
    return {"model": "claude-haiku-4-5", "max_tokens": 100, "messages": [{"role": "user", "content": prompt}]}


def stream(prompt: str) -> Pieces:
    with client.messages.stream(**asked(prompt)) as answer:
        yield from answer.text_stream


def tool(prompt: str) -> tuple[str, Any]:
    described = {"name": TOOL, "description": DESCRIPTION, "input_schema": PARAMETERS}
    (block,) = client.messages.create(**asked(prompt), tools=[described]).content
    return block.name, block.input


async def at_once(prompts: list[str]) -> list[str]:
    async with AsyncAnthropic(max_retries=0, timeout=TIMEOUT) as client:

        async def whole(prompt: str) -> str:
            return (await client.messages.create(**asked(prompt))).content[0].text

        async def streamed(prompt: str) -> str:
            async with client.messages.stream(**asked(prompt)) as answer:
                return "".join([text async for text in answer.text_stream])

        return await asyncio.gather(whole(prompts[0]), streamed(prompts[1]), whole(prompts[2]))


main(Client(
    version("anthropic"),
    whole=lambda prompt: client.messages.create(**asked(prompt)).content[0].text,
    stream=stream,
    tool=tool,
    at_once=lambda prompts: asyncio.run(at_once(prompts)),
))  # fmt: skip

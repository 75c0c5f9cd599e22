"""aiohttp: it reads the proxy's variables where it is told to, with trust_env=True"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import chat
from common import TIMEOUT, Client, Pieces, main

LIMIT = aiohttp.ClientTimeout(total=TIMEOUT)


def session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(headers=chat.HEADERS, timeout=LIMIT, trust_env=True)


async def ask(client: aiohttp.ClientSession, body: dict[str, Any]) -> Any:
    async with client.post(chat.ADDRESS, json=body) as answer:
        if not answer.ok:
            raise chat.StatusError(answer.status, await answer.text())
        return await answer.json()


async def streamed(client: aiohttp.ClientSession, prompt: str) -> AsyncIterator[str]:
    async with client.post(chat.ADDRESS, json=chat.body(prompt, stream=True)) as answer:
        async for line in answer.content:
            if piece := chat.piece(line):
                yield piece


async def alone(body: dict[str, Any]) -> Any:
    async with session() as client:
        return await ask(client, body)


def stream(prompt: str) -> Pieces:
    """In a loop and a session that live on, as a program's would: only the stream is closed."""
    pieces = streamed(client, prompt)
    try:
        while (piece := loop.run(_next(pieces))) is not None:
            yield piece
    finally:
        loop.run(pieces.aclose())


async def _made() -> aiohttp.ClientSession:
    return session()


async def _next(pieces: AsyncIterator[str]) -> str | None:
    return await anext(pieces, None)


async def at_once(prompts: list[str]) -> list[str]:
    async with session() as client:

        async def whole(prompt: str) -> str:
            return chat.text(await ask(client, chat.body(prompt)))

        async def joined(prompt: str) -> str:
            return "".join([piece async for piece in streamed(client, prompt)])

        return await asyncio.gather(whole(prompts[0]), joined(prompts[1]), whole(prompts[2]))


loop = asyncio.Runner()
client = loop.run(_made())
main(Client(
    aiohttp.__version__,
    whole=lambda prompt: chat.text(asyncio.run(alone(chat.body(prompt)))),
    stream=stream,
    tool=lambda prompt: chat.call(asyncio.run(alone(chat.with_tool(prompt)))),
    at_once=lambda prompts: asyncio.run(at_once(prompts)),
))  # fmt: skip

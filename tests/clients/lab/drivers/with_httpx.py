"""httpx"""

from __future__ import annotations

import asyncio

import chat
import httpx
from common import TIMEOUT, Client, Pieces, main

client = httpx.Client(headers=chat.HEADERS, timeout=TIMEOUT)


def checked(answer: httpx.Response) -> httpx.Response:
    if not answer.is_success:
        raise chat.StatusError(answer.status_code, answer.text)
    return answer


def ask(body: dict[str, object]) -> dict[str, object]:
    return checked(client.post(chat.ADDRESS, json=body)).json()


def stream(prompt: str) -> Pieces:
    with client.stream("POST", chat.ADDRESS, json=chat.body(prompt, stream=True)) as answer:
        yield from chat.pieces(answer.iter_lines())


async def at_once(prompts: list[str]) -> list[str]:
    async with httpx.AsyncClient(headers=chat.HEADERS, timeout=TIMEOUT) as client:

        async def whole(prompt: str) -> str:
            return chat.text(checked(await client.post(chat.ADDRESS, json=chat.body(prompt))).json())

        async def streamed(prompt: str) -> str:
            async with client.stream("POST", chat.ADDRESS, json=chat.body(prompt, stream=True)) as answer:
                return "".join([chat.piece(line) async for line in answer.aiter_lines()])

        return await asyncio.gather(whole(prompts[0]), streamed(prompts[1]), whole(prompts[2]))


main(Client(
    httpx.__version__,
    whole=lambda prompt: chat.text(ask(chat.body(prompt))),
    stream=stream,
    tool=lambda prompt: chat.call(ask(chat.with_tool(prompt))),
    at_once=lambda prompts: asyncio.run(at_once(prompts)),
))  # fmt: skip

"""langchain-openai: OPENAI_API_KEY, OPENAI_BASE_URL"""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any

from common import FUNCTION, TIMEOUT, Client, Pieces, main
from langchain_openai import ChatOpenAI

model = ChatOpenAI(model="gpt-4o-mini", max_retries=0, timeout=TIMEOUT)


def stream(prompt: str) -> Pieces:
    chunks = model.stream(prompt)
    try:
        yield from (chunk.text for chunk in chunks if chunk.text)
    finally:
        chunks.close()


def tool(prompt: str) -> tuple[str, Any]:
    (call,) = model.bind_tools([FUNCTION]).invoke(prompt).tool_calls
    return call["name"], call["args"]


async def at_once(prompts: list[str]) -> list[str]:
    async def whole(prompt: str) -> str:
        return (await model.ainvoke(prompt)).text

    async def streamed(prompt: str) -> str:
        return "".join([chunk.text async for chunk in model.astream(prompt)])

    return await asyncio.gather(whole(prompts[0]), streamed(prompts[1]), whole(prompts[2]))


main(Client(
    version("langchain-openai"),
    whole=lambda prompt: model.invoke(prompt).text,
    stream=stream,
    tool=tool,
    at_once=lambda prompts: asyncio.run(at_once(prompts)),
))  # fmt: skip

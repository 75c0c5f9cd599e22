"""google-genai: GEMINI_API_KEY, GOOGLE_GEMINI_BASE_URL"""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any

from common import DESCRIPTION, PARAMETERS, TIMEOUT, TOOL, Client, Pieces, main
from google import genai
from google.genai import types

MODEL = "gemini-2.5-flash"
client = genai.Client(http_options=types.HttpOptions(timeout=int(1000 * TIMEOUT)))


def stream(prompt: str) -> Pieces:
    chunks = client.models.generate_content_stream(model=MODEL, contents=prompt)
    try:
        yield from (chunk.text for chunk in chunks if chunk.text)
    finally:
        chunks.close()


def tool(prompt: str) -> tuple[str, Any]:
    function = types.FunctionDeclaration(name=TOOL, description=DESCRIPTION, parameters_json_schema=PARAMETERS)
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[function])])
    (call,) = client.models.generate_content(model=MODEL, contents=prompt, config=config).function_calls
    return call.name, call.args


async def at_once(prompts: list[str]) -> list[str]:
    async with genai.Client(http_options=types.HttpOptions(timeout=int(1000 * TIMEOUT))).aio as client:

        async def whole(prompt: str) -> str:
            return (await client.models.generate_content(model=MODEL, contents=prompt)).text

        async def streamed(prompt: str) -> str:
            chunks = await client.models.generate_content_stream(model=MODEL, contents=prompt)
            return "".join([chunk.text async for chunk in chunks if chunk.text])

        return await asyncio.gather(whole(prompts[0]), streamed(prompts[1]), whole(prompts[2]))


main(Client(
    version("google-genai"),
    whole=lambda prompt: client.models.generate_content(model=MODEL, contents=prompt).text,
    stream=stream,
    tool=tool,
    at_once=lambda prompts: asyncio.run(at_once(prompts)),
))  # fmt: skip

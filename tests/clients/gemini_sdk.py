"""Google's SDK. Reads GEMINI_API_KEY, GOOGLE_GEMINI_BASE_URL (host only), and the usual proxy and CA variables."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from google import genai
from google.genai import types
from harness import TIMEOUT_SECONDS, Result, run


def new_client() -> genai.Client:
    """A client that tries once."""
    once = types.HttpRetryOptions(attempts=1)
    return genai.Client(http_options=types.HttpOptions(timeout=int(TIMEOUT_SECONDS * 1000), retry_options=once))


def call(arguments: Namespace) -> Result:
    """One request, synchronously."""
    client = new_client()
    models = client.models
    prompt = {"model": arguments.model, "contents": arguments.prompt}
    try:
        if arguments.answer == "json":
            answer = models.generate_content(**prompt)
            return Result(answer.text, answer.usage_metadata)
        return collected(list(models.generate_content_stream(**prompt)))
    finally:
        client.close()


async def call_async(arguments: Namespace) -> Result:
    """The same with the asynchronous client."""
    async with new_client().aio as client:
        prompt = {"model": arguments.model, "contents": arguments.prompt}
        if arguments.answer == "json":
            answer = await client.models.generate_content(**prompt)
            return Result(answer.text, answer.usage_metadata)
        return collected([chunk async for chunk in await client.models.generate_content_stream(**prompt)])


def collected(chunks: list[Any]) -> Result:
    """The chunks of a stream, put together. The last one's usage counts."""
    return Result("".join(chunk.text or "" for chunk in chunks), chunks[-1].usage_metadata, len(chunks))


if __name__ == "__main__":
    run("google-genai", "gemini-2.5-flash", call, call_async)

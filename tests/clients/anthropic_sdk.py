"""Anthropic's SDK. Reads ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL (without /v1), and the usual proxy and CA variables."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from anthropic import Anthropic, AsyncAnthropic
from harness import TIMEOUT_SECONDS, Result, run


def message(arguments: Namespace) -> dict[str, Any]:
    """The arguments of a message."""
    prompt = {"role": "user", "content": arguments.prompt}
    return {"model": arguments.model, "max_tokens": 64, "messages": [prompt]}


def call(arguments: Namespace) -> Result:
    """One request, synchronously."""
    with Anthropic(max_retries=0, timeout=TIMEOUT_SECONDS) as client:
        if arguments.answer == "json":
            answer = client.messages.create(**message(arguments))
            return Result(answer.content[0].text, answer.usage)
        with client.messages.stream(**message(arguments)) as stream:
            texts = list(stream.text_stream)
            return Result("".join(texts), stream.get_final_message().usage, len(texts))


async def call_async(arguments: Namespace) -> Result:
    """The same with the asynchronous client."""
    async with AsyncAnthropic(max_retries=0, timeout=TIMEOUT_SECONDS) as client:
        if arguments.answer == "json":
            answer = await client.messages.create(**message(arguments))
            return Result(answer.content[0].text, answer.usage)
        async with client.messages.stream(**message(arguments)) as stream:
            texts = [text async for text in stream.text_stream]
            return Result("".join(texts), (await stream.get_final_message()).usage, len(texts))


if __name__ == "__main__":
    run("anthropic", "claude-haiku-4-5", call, call_async)

"""OpenAI's SDK. Reads OPENAI_API_KEY, OPENAI_BASE_URL (with /v1), and the usual proxy and CA variables."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from harness import TIMEOUT_SECONDS, Result, run
from openai import AsyncOpenAI, OpenAI


def chat(arguments: Namespace) -> dict[str, Any]:
    """The arguments of a chat completion."""
    return {"model": arguments.model, "messages": [{"role": "user", "content": arguments.prompt}]}


STREAM: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


class Collected:
    """The chunks of a stream, put together."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.usage: Any = None

    def add(self, chunk: Any) -> None:
        """Take one chunk."""
        self.texts += [choice.delta.content for choice in chunk.choices if choice.delta.content]
        self.usage = chunk.usage or self.usage

    def result(self) -> Result:
        """All of it."""
        return Result("".join(self.texts), self.usage, len(self.texts))


def call(arguments: Namespace) -> Result:
    """One request, synchronously."""
    with OpenAI(max_retries=0, timeout=TIMEOUT_SECONDS) as client:
        if arguments.answer == "models":
            return Result(" ".join(model.id for model in client.models.list()), None)
        if arguments.answer == "embeddings":
            return embedded(client.embeddings.create(model=arguments.model, input=arguments.prompt))
        if arguments.answer == "json":
            completion = client.chat.completions.create(**chat(arguments))
            return Result(completion.choices[0].message.content, completion.usage)
        collected = Collected()
        for chunk in client.chat.completions.create(**chat(arguments), **STREAM):
            collected.add(chunk)
        return collected.result()


async def call_async(arguments: Namespace) -> Result:
    """The same with the asynchronous client."""
    async with AsyncOpenAI(max_retries=0, timeout=TIMEOUT_SECONDS) as client:
        if arguments.answer == "models":
            return Result(" ".join([model.id async for model in client.models.list()]), None)
        if arguments.answer == "embeddings":
            return embedded(await client.embeddings.create(model=arguments.model, input=arguments.prompt))
        if arguments.answer == "json":
            completion = await client.chat.completions.create(**chat(arguments))
            return Result(completion.choices[0].message.content, completion.usage)
        collected = Collected()
        async for chunk in await client.chat.completions.create(**chat(arguments), **STREAM):
            collected.add(chunk)
        return collected.result()


def embedded(response: Any) -> Result:
    """An embedding as text: its numbers."""
    return Result(" ".join(map(str, response.data[0].embedding)), response.usage)


if __name__ == "__main__":
    run("openai", "gpt-4o-mini", call, call_async, ("json", "stream", "embeddings", "models"))

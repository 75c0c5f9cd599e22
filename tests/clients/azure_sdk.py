"""OpenAI's SDK as Azure's client. Reads AZURE_OPENAI_ENDPOINT, OPENAI_API_VERSION, and AZURE_OPENAI_API_KEY or, as with
Entra ID, AZURE_OPENAI_AD_TOKEN. The model is the name of a deployment, which goes into the path.
"""

from __future__ import annotations

from argparse import Namespace

from harness import TIMEOUT_SECONDS, Result, run
from openai import AsyncAzureOpenAI, AzureOpenAI
from openai_sdk import STREAM, Collected, chat


def call(arguments: Namespace) -> Result:
    """One request, synchronously."""
    with AzureOpenAI(max_retries=0, timeout=TIMEOUT_SECONDS) as client:
        if arguments.answer == "json":
            completion = client.chat.completions.create(**chat(arguments))
            return Result(completion.choices[0].message.content, completion.usage)
        collected = Collected()
        for chunk in client.chat.completions.create(**chat(arguments), **STREAM):
            collected.add(chunk)
        return collected.result()


async def call_async(arguments: Namespace) -> Result:
    """The same with the asynchronous client."""
    async with AsyncAzureOpenAI(max_retries=0, timeout=TIMEOUT_SECONDS) as client:
        if arguments.answer == "json":
            completion = await client.chat.completions.create(**chat(arguments))
            return Result(completion.choices[0].message.content, completion.usage)
        collected = Collected()
        async for chunk in await client.chat.completions.create(**chat(arguments), **STREAM):
            collected.add(chunk)
        return collected.result()


if __name__ == "__main__":
    run("openai", "my-gpt", call, call_async)

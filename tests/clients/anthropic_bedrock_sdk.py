"""Anthropic's SDK for Claude on Amazon Bedrock. Reads ANTHROPIC_BEDROCK_BASE_URL, AWS_REGION, and
AWS_BEARER_TOKEN_BEDROCK or a key pair, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
"""

from __future__ import annotations

from argparse import Namespace

from anthropic import AnthropicBedrock, AsyncAnthropicBedrock
from harness import TIMEOUT_SECONDS, Result, run


def call(arguments: Namespace) -> Result:
    """One request, synchronously."""
    with AnthropicBedrock(max_retries=0, timeout=TIMEOUT_SECONDS) as client:
        prompt = [{"role": "user", "content": arguments.prompt}]
        answer = client.messages.create(model=arguments.model, max_tokens=9, messages=prompt)
    return Result(answer.content[0].text, answer.usage)


async def call_async(arguments: Namespace) -> Result:
    """The same with the asynchronous client."""
    async with AsyncAnthropicBedrock(max_retries=0, timeout=TIMEOUT_SECONDS) as client:
        prompt = [{"role": "user", "content": arguments.prompt}]
        answer = await client.messages.create(model=arguments.model, max_tokens=9, messages=prompt)
    return Result(answer.content[0].text, answer.usage)


if __name__ == "__main__":
    run("anthropic", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", call, call_async, ("json",))

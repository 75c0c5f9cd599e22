"""Anthropic's SDK for Claude on Vertex AI. Reads ANTHROPIC_VERTEX_BASE_URL, ANTHROPIC_VERTEX_PROJECT_ID,
CLOUD_ML_REGION, and VERTEX_ACCESS_TOKEN in place of what Google's login would give.
"""

from __future__ import annotations

import os
from argparse import Namespace

from anthropic import AnthropicVertex, AsyncAnthropicVertex
from harness import TIMEOUT_SECONDS, Result, run


def call(arguments: Namespace) -> Result:
    """One request, synchronously."""
    token = os.environ["VERTEX_ACCESS_TOKEN"]
    with AnthropicVertex(access_token=token, max_retries=0, timeout=TIMEOUT_SECONDS) as client:
        prompt = [{"role": "user", "content": arguments.prompt}]
        answer = client.messages.create(model=arguments.model, max_tokens=9, messages=prompt)
    return Result(answer.content[0].text, answer.usage)


async def call_async(arguments: Namespace) -> Result:
    """The same with the asynchronous client."""
    token = os.environ["VERTEX_ACCESS_TOKEN"]
    async with AsyncAnthropicVertex(access_token=token, max_retries=0, timeout=TIMEOUT_SECONDS) as client:
        prompt = [{"role": "user", "content": arguments.prompt}]
        answer = await client.messages.create(model=arguments.model, max_tokens=9, messages=prompt)
    return Result(answer.content[0].text, answer.usage)


if __name__ == "__main__":
    run("anthropic", "claude-sonnet-4-5@20250929", call, call_async, ("json",))

"""AWS's SDK for Amazon Bedrock. Reads AWS_ENDPOINT_URL_BEDROCK_RUNTIME, AWS_DEFAULT_REGION, and AWS_BEARER_TOKEN_BEDROCK or a
key pair, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; a proxy and AWS_CA_BUNDLE like any of AWS's SDKs.
"""

from __future__ import annotations

import json
from argparse import Namespace
from typing import Any

import boto3
from botocore.config import Config
from harness import TIMEOUT_SECONDS, Result, run


def call(arguments: Namespace) -> Result:
    """One request."""
    once = Config(retries={"total_max_attempts": 1}, read_timeout=TIMEOUT_SECONDS, connect_timeout=TIMEOUT_SECONDS)
    client = boto3.client("bedrock-runtime", config=once)
    if arguments.answer == "invoke":
        body = {"messages": [{"role": "user", "content": arguments.prompt}], "max_tokens": 9}
        answer = client.invoke_model(modelId=arguments.model, body=json.dumps(body))
        said = json.load(answer["body"])
        return Result(said["content"][0]["text"], said["usage"])
    asked: dict[str, Any] = {
        "modelId": arguments.model,
        "messages": [{"role": "user", "content": [{"text": arguments.prompt}]}],
    }
    if arguments.answer == "converse":
        said = client.converse(**asked)
        return Result(said["output"]["message"]["content"][0]["text"], said["usage"])
    events = list(client.converse_stream(**asked)["stream"])
    texts = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    return Result("".join(texts), events[-1]["metadata"]["usage"], len(texts))


async def call_async(arguments: Namespace) -> Result:
    """boto3 has no asynchronous client."""
    return call(arguments)


if __name__ == "__main__":
    run("boto3", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", call, call_async, ("converse", "invoke", "stream"))

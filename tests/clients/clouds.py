"""Models in somebody's cloud, by the clients that their makers offer: `clouds.py NAME CALL…`.

The endpoint and the credential come from ENDPOINT and CREDENTIAL: these clients want them as arguments, or a login.
Bedrock's wants boto3, which is not in requirements.txt: it is large, and only capture.py runs it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from harness import TIMEOUT_SECONDS, Result, run_each
from vendors import Calls

ENDPOINT = os.environ.get("ENDPOINT", "")
CREDENTIAL = os.environ.get("CREDENTIAL", "")
MESSAGES: list[Any] = [{"role": "user", "content": "Say pong."}]
# A client's own project: the proxy puts the operator's in its stead.
PROJECT = "clients-project"


def vertex() -> Calls:
    """google-genai for Vertex AI, with an access token."""
    from google.genai import Client, types
    from google.oauth2.credentials import Credentials

    options = types.HttpOptions(base_url=ENDPOINT, timeout=int(1000 * TIMEOUT_SECONDS))
    credentials = Credentials(CREDENTIAL)  # type: ignore[no-untyped-call]
    where = {"project": PROJECT, "location": "us-central1"}
    client = Client(vertexai=True, credentials=credentials, http_options=options, **where)
    ask = {"model": "gemini-2.5-flash", "contents": "Say pong."}

    def whole() -> Result:
        answer = client.models.generate_content(**ask)
        return Result(answer.text or "", answer.usage_metadata)

    def stream() -> Result:
        chunks = list(client.models.generate_content_stream(**ask))
        return Result("".join(chunk.text or "" for chunk in chunks), chunks[-1].usage_metadata, len(chunks))

    return {"json": whole, "stream": stream}


def claude_on_vertex() -> Calls:
    """Anthropic's for Vertex AI: :rawPredict, and no model in the body."""
    from anthropic import AnthropicVertex

    client = AnthropicVertex(
        access_token=CREDENTIAL, base_url=f"{ENDPOINT}/v1", project_id=PROJECT, region="us-central1", max_retries=0
    )

    def whole() -> Result:
        answer = client.messages.create(model="claude-sonnet-4-5", max_tokens=64, messages=MESSAGES)
        return Result(answer.content[0].text, answer.usage)

    return {"json": whole}


def bedrock() -> Calls:
    """boto3 with a Bedrock API key: Converse."""
    import boto3
    from botocore.config import Config

    os.environ["AWS_BEARER_TOKEN_BEDROCK"] = CREDENTIAL
    config = Config(retries={"total_max_attempts": 1}, read_timeout=TIMEOUT_SECONDS)
    client = boto3.client("bedrock-runtime", endpoint_url=ENDPOINT, region_name="us-east-1", config=config)
    model = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
    ask = {"modelId": model, "messages": [{"role": "user", "content": [{"text": "Say pong."}]}]}

    def whole() -> Result:
        answer = client.converse(**ask)
        return Result(answer["output"]["message"]["content"][0]["text"], answer["usage"])

    def stream() -> Result:
        events = list(client.converse_stream(**ask)["stream"])
        texts = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
        (usage,) = [event["metadata"]["usage"] for event in events if "metadata" in event]
        return Result("".join(texts), usage, len(texts))

    return {"json": whole, "stream": stream}


# Name -> its calls, and the package whose version counts.
CLOUDS: dict[str, tuple[Callable[[], Calls], str]] = {
    "vertex": (vertex, "google-genai"),
    "claude-on-vertex": (claude_on_vertex, "anthropic"),
    "bedrock": (bedrock, "boto3"),
}

if __name__ == "__main__":
    make, package = CLOUDS[sys.argv[1]]
    calls = make()
    run_each(package, {name: calls[name] for name in sys.argv[2:]})

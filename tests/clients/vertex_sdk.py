"""Google's SDK for Vertex AI. Reads GOOGLE_VERTEX_BASE_URL and either VERTEX_ACCESS_TOKEN (in place of what Google's
login would give), GOOGLE_CLOUD_PROJECT and GOOGLE_CLOUD_LOCATION, or, in express mode, GOOGLE_API_KEY alone.
"""

from __future__ import annotations

import os
from argparse import Namespace
from typing import Any

from gemini_sdk import collected
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials
from harness import TIMEOUT_SECONDS, Result, run


def new_client() -> genai.Client:
    """A client that tries once."""
    once = types.HttpRetryOptions(attempts=1)
    options = types.HttpOptions(timeout=int(TIMEOUT_SECONDS * 1000), retry_options=once)
    login: dict[str, Any] = {}
    if token := os.environ.get("VERTEX_ACCESS_TOKEN"):
        # Named outright: beside a base URL, the SDK ignores a project that only the environment names, and the login.
        project, location = os.environ["GOOGLE_CLOUD_PROJECT"], os.environ["GOOGLE_CLOUD_LOCATION"]
        login = {"credentials": Credentials(token), "project": project, "location": location}
    return genai.Client(vertexai=True, http_options=options, **login)


def call(arguments: Namespace) -> Result:
    """One request, synchronously."""
    client = new_client()
    prompt = {"model": arguments.model, "contents": arguments.prompt}
    try:
        if arguments.answer == "json":
            answer = client.models.generate_content(**prompt)
            return Result(answer.text, answer.usage_metadata)
        return collected(list(client.models.generate_content_stream(**prompt)))
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


if __name__ == "__main__":
    run("google-genai", "gemini-2.5-flash", call, call_async)

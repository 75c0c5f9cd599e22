"""OpenAI's SDK over a WebSocket: the realtime API. Reads the same variables as openai_sdk.py.

It waits for `session.created`, sends one event, and expects an echo: that is what the fake provider answers.
`text` is the type of the first event, `chunks` the number of events received.
"""

from __future__ import annotations

import os
from argparse import Namespace
from typing import Any

from harness import TIMEOUT_SECONDS, Result, run
from openai import AsyncOpenAI, OpenAI

EVENT: dict[str, Any] = {"type": "input_audio_buffer.commit", "event_id": "echo-me"}
# Version 1 speaks wss:// even where the base URL says http://; version 3 would do without this.
SOCKET_URL = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1").replace("http", "ws", 1)
OPTIONS: dict[str, Any] = {"max_retries": 0, "timeout": TIMEOUT_SECONDS, "websocket_base_url": SOCKET_URL}


def call(arguments: Namespace) -> Result:
    """One conversation, synchronously."""
    with (
        OpenAI(**OPTIONS) as client,
        client.realtime.connect(model=arguments.model) as connection,
    ):
        first = connection.recv()
        connection.send(EVENT)
        return outcome(first, connection.recv())


async def call_async(arguments: Namespace) -> Result:
    """The same with the asynchronous client."""
    async with (
        AsyncOpenAI(**OPTIONS) as client,
        client.realtime.connect(model=arguments.model) as connection,
    ):
        first = await connection.recv()
        await connection.send(EVENT)
        return outcome(first, await connection.recv())


def outcome(first: Any, second: Any) -> Result:
    """Check the echo."""
    if second.event_id != EVENT["event_id"]:
        raise RuntimeError(f"expected an echo, got an event of type {second.type}")
    return Result(first.type, None, 2)


if __name__ == "__main__":
    run("openai", "gpt-realtime", call, call_async)

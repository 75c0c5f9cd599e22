"""What the client scripts share: arguments, one JSON line on stdout, exit code 0 or 1.

Base URL, key, proxy and CA come from the environment only, as users have them. Nothing here patches an SDK.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class Result:
    """What came back: the text, the usage as the SDK parsed it, and in how many chunks (1: not streamed)."""

    text: str
    usage: Any
    chunks: int = 1


Sync = Callable[[argparse.Namespace], Result]
Async = Callable[[argparse.Namespace], Awaitable[Result]]


def run(sdk: str, model: str, call: Sync, call_async: Async, answers: tuple[str, ...] = ("json", "stream")) -> None:
    """Parse the arguments, make one call, print the outcome, exit."""
    faulthandler.dump_traceback_later(2 * TIMEOUT_SECONDS, exit=True)  # a hang says where
    parser = argparse.ArgumentParser(description=f"One request with the unmodified {sdk} SDK.")
    parser.add_argument("--flavour", choices=("sync", "async"), default="sync")
    parser.add_argument("--answer", choices=answers, default=answers[0])
    parser.add_argument("--model", default=model)
    parser.add_argument("--prompt", default="Say pong.")
    arguments = parser.parse_args()
    try:
        result = call(arguments) if arguments.flavour == "sync" else asyncio.run(_awaited(call_async, arguments))
    except Exception as error:
        _leave(1, _failure(error))
    _leave(0, _shown(result) | {"sdk": version(sdk)})


def run_each(sdk: str, calls: Mapping[str, Callable[[], Result]]) -> None:
    """Make several calls with one SDK, print the outcome of each under its name, exit.

    Loading an SDK takes longer than all of them. The first that fails ends it.
    """
    faulthandler.dump_traceback_later(2 * TIMEOUT_SECONDS, exit=True)
    outcome: dict[str, Any] = {"sdk": version(sdk)}
    for name, call in calls.items():
        try:
            outcome[name] = _shown(call())
        except Exception as error:
            _leave(1, outcome | {name: _failure(error)})
    _leave(0, outcome)


async def _awaited(call: Async, arguments: argparse.Namespace) -> Result:
    return await call(arguments)


def _shown(result: Result) -> dict[str, Any]:
    return {"text": result.text, "usage": _plain(result.usage), "chunks": result.chunks}


def _failure(error: Exception) -> dict[str, Any]:
    # openai, anthropic: status_code and (openai) code. google-genai: code is the status, status its name.
    status = getattr(error, "status_code", None)
    code = getattr(error, "code", None)
    if isinstance(code, int) and status is None:
        status, code = code, getattr(error, "status", None)
    # websockets: the refused handshake's response
    status = status or getattr(getattr(error, "response", None), "status_code", None)
    return {"error": str(error), "status": status, "code": code, "kind": type(error).__name__}


def _plain(usage: Any) -> Any:
    return usage.model_dump(mode="json", exclude_none=True) if hasattr(usage, "model_dump") else usage


def _leave(code: int, outcome: dict[str, Any]) -> None:
    print(json.dumps(outcome), flush=True)
    sys.exit(code)

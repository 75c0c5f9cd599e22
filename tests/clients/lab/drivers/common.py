"""What the Python drivers share: the lab's protocol, over stdin and stdout.

A driver is started as `DRIVER LABEL FILE URL`. LABEL begins its prompts (`lab:requests:proxy`), FILE holds the 5 MB, URL
is our address where the program must pass it, else `-`. It prints a line with its version. Then it reads the name of a
case a line, and answers with one line of JSON: what the client saw. Keys, proxy and CA are in the environment.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LABEL, BODY, URL = sys.argv[1:4]
TIMEOUT = 20.0  # seconds
TOOL = "get_weather"
DESCRIPTION = "The weather in a city."
PARAMETERS: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"type": "function", "function": {"name": TOOL, "description": DESCRIPTION, "parameters": PARAMETERS}}

Pieces = Generator[str, None, None]  # closing it closes the stream


@dataclass(frozen=True)
class Client:
    """What a client can do. Prompts go in; texts, and the arguments of a tool call, come out."""

    version: str
    whole: Callable[[str], str]
    stream: Callable[[str], Pieces]
    tool: Callable[[str], tuple[str, Any]]
    at_once: Callable[[list[str]], list[str]] | None = None
    leave: Callable[[str], str] | None = None  # the first piece of a stream that is left, where that is done otherwise


def main(client: Client) -> None:
    """Answer cases until there are no more."""
    print(json.dumps({"version": client.version}), flush=True)
    for line in sys.stdin:
        case = line.strip()
        try:
            seen = _see(client, case, f"{LABEL}:{case}")
        except Exception as error:
            seen = _failure(error)
        print(json.dumps(seen), flush=True)


def _see(client: Client, case: str, prompt: str) -> dict[str, Any]:
    if case == "sse":
        pieces = list(client.stream(prompt))
        return {"text": "".join(pieces), "pieces": len(pieces)}
    if case == "async":
        assert client.at_once
        return {"texts": client.at_once([f"{prompt}:{number}" for number in (1, 2, 3)])}
    if case == "tools":
        name, arguments = client.tool(prompt)
        return {"tool": name, "arguments": arguments}
    if case == "cancel" and client.leave:
        return {"text": client.leave(prompt)}
    if case == "cancel":
        stream = client.stream(prompt)
        first = next(stream)
        stream.close()
        return {"text": first}
    if case == "body":
        prompt += "\n" + Path(BODY).read_text("utf-8")
    return {"text": client.whole(prompt)}


def _failure(error: Exception) -> dict[str, Any]:
    response = getattr(error, "response", None)
    status = next((value for value in (
        getattr(error, "status_code", None), getattr(response, "status_code", None), getattr(error, "status", None),
        getattr(error, "code", None),
    ) if isinstance(value, int)), None)  # fmt: skip
    return {"kind": type(error).__name__, "status": status, "error": str(error)[:2000]}

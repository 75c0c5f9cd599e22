"""curl"""

from __future__ import annotations

import json

import chat
import process
from common import Client, Pieces, main

HEADERS = [word for name, value in chat.HEADERS.items() for word in ("-H", f"{name}: {value}")]
COMMAND = ["curl", "-sS", "--max-time", "20", *HEADERS, "--data-binary", "@-", chat.ADDRESS]


def ask(body: dict[str, object]) -> dict[str, object]:
    printed = process.output([*COMMAND, "-w", "\n%{http_code}"], json.dumps(body).encode())
    text, _, status = printed.rpartition("\n")
    if status != "200":
        raise chat.StatusError(int(status), text)
    return json.loads(text)


def stream(prompt: str) -> Pieces:
    with process.lines([*COMMAND, "-N"], json.dumps(chat.body(prompt, stream=True)).encode()) as lines:
        yield from chat.pieces(lines)


main(Client(
    process.version("curl"),
    whole=lambda prompt: chat.text(ask(chat.body(prompt))),
    stream=stream,
    tool=lambda prompt: chat.call(ask(chat.with_tool(prompt))),
))  # fmt: skip

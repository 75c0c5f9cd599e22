"""wget"""

from __future__ import annotations

import json
import tempfile

import chat
import process
from common import Client, Pieces, main

HEADERS = [f"--header={name}: {value}" for name, value in chat.HEADERS.items()]
COMMAND = ["wget", "-q", "--tries=1", "--timeout=20", "--content-on-error", "-O", "-", *HEADERS]


def ask(body: dict[str, object]) -> dict[str, object]:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        json.dump(body, file)
        file.flush()
        printed = process.both([*COMMAND, "--server-response", f"--post-file={file.name}", chat.ADDRESS])
    text, said = printed
    status = next((line.split()[1] for line in reversed(said.splitlines()) if line.strip().startswith("HTTP/")), "0")
    if status != "200":
        raise chat.StatusError(int(status), text or said)
    return json.loads(text)


def stream(prompt: str) -> Pieces:
    body = json.dumps(chat.body(prompt, stream=True))
    with process.lines([*COMMAND, f"--post-data={body}", chat.ADDRESS], b"") as lines:
        yield from chat.pieces(lines)


main(Client(
    process.version("wget"),
    whole=lambda prompt: chat.text(ask(chat.body(prompt))),
    stream=stream,
    tool=lambda prompt: chat.call(ask(chat.with_tool(prompt))),
))  # fmt: skip

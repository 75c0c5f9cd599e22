"""urllib.request, of Python's standard library"""

from __future__ import annotations

import json
import platform
import urllib.error
import urllib.request
from http.client import HTTPResponse

import chat
from common import TIMEOUT, Client, Pieces, main


def ask(body: dict[str, object]) -> HTTPResponse:
    request = urllib.request.Request(chat.ADDRESS, json.dumps(body).encode(), chat.HEADERS)
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        raise chat.StatusError(error.code, error.read().decode()) from None


def answered(body: dict[str, object]) -> dict[str, object]:
    with ask(body) as answer:
        return json.load(answer)


def stream(prompt: str) -> Pieces:
    with ask(chat.body(prompt, stream=True)) as answer:
        yield from chat.pieces(answer)


main(Client(
    platform.python_version(),
    whole=lambda prompt: chat.text(answered(chat.body(prompt))),
    stream=stream,
    tool=lambda prompt: chat.call(answered(chat.with_tool(prompt))),
))  # fmt: skip

"""requests"""

from __future__ import annotations

import chat
import requests
from common import TIMEOUT, Client, Pieces, main

session = requests.Session()


def ask(body: dict[str, object], stream: bool = False) -> requests.Response:
    answer = session.post(chat.ADDRESS, json=body, headers=chat.HEADERS, timeout=TIMEOUT, stream=stream)
    if not answer.ok:
        raise chat.StatusError(answer.status_code, answer.text)
    return answer


def stream(prompt: str) -> Pieces:
    with ask(chat.body(prompt, stream=True), stream=True) as answer:
        yield from chat.pieces(answer.iter_lines())


main(Client(
    requests.__version__,
    whole=lambda prompt: chat.text(ask(chat.body(prompt)).json()),
    stream=stream,
    tool=lambda prompt: chat.call(ask(chat.with_tool(prompt)).json()),
))  # fmt: skip

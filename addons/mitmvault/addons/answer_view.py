"""The content view "Answer": what the model said, put together from a stream or a document. (answer/answer_text.py)

Rules: 1. It is made when somebody looks, from what the flow holds: there is a body only where it is kept (bodies.py).
       2. A body that was cut off in the middle of a coding is decoded as far as it goes.
"""

from __future__ import annotations

from typing import Any

from mitmproxy import http

from mitmvault.addons.bodies import is_cut
from mitmvault.addons.rows import USAGE
from mitmvault.core.answer import answer_text
from mitmvault.core.formats import coding
from mitmvault.core.records.record import counted
from mitmvault.wire import content_view

NAME = "Answer"
MAX_BYTES = 16 * 2**20  # of a body that are looked at


class AnswerView:
    """Adds the view to mitmproxy's own."""

    def load(self, loader: Any) -> None:
        content_view.add(NAME, self.render, _priority)

    def render(self, flow: http.HTTPFlow, message: Any = None, data: bytes = b"") -> str:
        """The text of the view; the body as it is where it is no answer of a model."""
        body = _plain(message, data) if isinstance(message, http.Response) else data
        said = answer_text.of(body[:MAX_BYTES])
        if not (said.parts or said.finish or said.errors):
            return "(no answer of a model)\n\n" + body[:MAX_BYTES].decode("utf-8", "replace")
        return answer_text.page(said, _usage(flow), is_cut(flow) and message is flow.response)


def _priority(content_type: str) -> float:
    """By itself, the view is shown for streams of events alone: mitmproxy has none for them (11.0.2 and 12.2.3)."""
    return 1.0 if content_type == "text/event-stream" else content_view.NEVER


def _plain(message: http.Response, data: bytes) -> bytes:
    """The body without its coding, as far as it goes (rule 2)."""
    name = message.headers.get("content-encoding", "")
    decode = coding.decoder(name)
    if not name or decode is None or message.raw_content is None:
        return data
    found = bytearray()
    try:
        for piece in decode(message.raw_content):
            found += piece
            if len(found) > MAX_BYTES:
                break
    except coding.ERRORS:
        pass
    return bytes(found)


def _usage(flow: http.HTTPFlow) -> str:
    words = ("in", "out", "from a cache", "into a cache", "of reasoning")
    found = counted(flow.metadata.get(USAGE))
    parts = [f"{number} {word}" for number, word in zip(found, words, strict=False) if number]
    return ", ".join(parts) + (f" ({found.tokens_source})" if parts and found.tokens_source else "")

"""One request to a provider that we play ourselves, and `Behaviour`: the hooks in which such providers differ.

`Exchange` is the tornado handler below all endpoints (`endpoints.py`): JSON in, JSON or a stream out, failures in the
caller's dialect. It knows nothing of demos or tests, and never logs a request: a key may be in the query.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from http.client import responses
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler

from mitmvault.local.dialects import Answer, Ask, dump, openai

logger = logging.getLogger(__name__)


class Behaviour:
    """What providers built on these handlers may vary. The defaults let everybody in and never pause."""

    pause: float = 0  # seconds between the chunks of a stream
    models: tuple[str, ...] = ("demo", "demo-embedding")
    server = "mitmvault"

    def __init__(self) -> None:
        self._serial = 0

    async def arrive(self, handler: RequestHandler) -> None:
        """A whole request is here. May record it; may answer it (`handler.finish`), then nothing else happens."""

    def refusal(self, handler: RequestHandler) -> str | None:
        """Why this caller gets a 401; None lets it in."""
        return None

    def text(self, handler: RequestHandler, ask: Ask) -> str:
        """What to answer."""
        return "pong"

    def answer(self, handler: RequestHandler, ask: Ask) -> Answer:
        """The text with what belongs to it: a serial number and the time."""
        self._serial += 1
        return Answer(self.text(handler, ask), self._serial, int(time.time()))


class Failure(HTTPError):
    """A refusal with a text for the client."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status)
        self.text = text


class Exchange(RequestHandler):
    """One request and its answer: credentials, JSON in, JSON or a stream out, errors in the caller's dialect."""

    def initialize(self, behaviour: Behaviour) -> None:
        """tornado's constructor."""
        self.behaviour = behaviour
        self.set_header("Server", behaviour.server)
        self._gone = asyncio.Event()

    async def prepare(self) -> None:
        """Let the behaviour see the request first."""
        await self.behaviour.arrive(self)

    def check_credentials(self) -> None:
        """Raise the 401 that the behaviour wants."""
        if (text := self.behaviour.refusal(self)) is not None:
            raise Failure(401, text)

    def json_body(self) -> dict[str, Any]:
        """The request's JSON object, or a 400."""
        try:
            body = json.loads(self.request.body)
        except (ValueError, RecursionError):
            raise Failure(400, "The request body is not valid JSON.") from None
        if not isinstance(body, dict):
            raise Failure(400, "The request body is not a JSON object.")
        return body

    def send_json(self, value: dict[str, Any]) -> None:
        """Answer in one piece."""
        self.set_header("Content-Type", "application/json")
        self.finish(dump(value))

    async def send_stream(self, content_type: str, chunks: Iterable[bytes]) -> None:
        """Answer chunk by chunk, with the behaviour's pause after each. Ends at once when the client leaves."""
        self.set_header("Content-Type", content_type)
        self.set_header("Cache-Control", "no-cache")
        with suppress(StreamClosedError):
            for chunk in chunks:
                self.write(chunk)
                await self.flush()
                if await self.client_left(self.behaviour.pause):
                    return
            self.finish()

    async def client_left(self, seconds: float) -> bool:
        """Wait that long, or until the client closes the connection."""
        if seconds:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), seconds)
        return self._gone.is_set()

    def on_connection_close(self) -> None:
        """tornado: the client closed before the answer was complete."""
        self._gone.set()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Render every failure as JSON in the caller's dialect."""
        failure = (kwargs.get("exc_info") or (None, None))[1]
        text = failure.text if isinstance(failure, Failure) else f"{responses.get(status_code, 'Failed')}."
        self.set_header("Server", self.behaviour.server)  # tornado cleared the headers
        self.send_json(self.error_shape(status_code, text))

    def error_shape(self, status: int, text: str) -> dict[str, Any]:
        """A failure as the caller's SDK expects it."""
        return openai.error(status, text)

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log our own bugs only, by type: tornado would print the request line and its query."""
        if not isinstance(value, HTTPError):
            logger.error("answering failed: %s", getattr(typ, "__name__", typ))

    def compute_etag(self) -> None:
        """No ETag: the model APIs have none."""

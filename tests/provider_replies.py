"""What the fake provider records of a request (`Arrived`), and the replies a test can script."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from tornado.httputil import HTTPServerRequest
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

Headers = Mapping[str, str] | Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Arrived:
    """One request as it reached the provider. Header names come in tornado's spelling: X-Api-Key."""

    method: str
    target: str  # as on the wire, query included
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes
    peer_port: int = 0  # tells connections apart

    @classmethod
    def of(cls, request: HTTPServerRequest) -> Arrived:
        """Copy what tornado parsed."""
        context = getattr(request.connection, "context", None)
        peer = getattr(context, "address", None)
        return cls(
            request.method or "",
            request.uri or "",
            request.path,
            request.query,
            list(request.headers.get_all()),
            request.body,
            peer[1] if peer else 0,
        )

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever its case."""
        return next(iter(self.headers_named(name)), None)

    def headers_named(self, name: str) -> list[str]:
        """All values of a header, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class Reply(Protocol):
    """Answers a request in place of the usual handler."""

    async def play(self, handler: RequestHandler) -> None:
        """Send the whole answer."""


@dataclass(frozen=True)
class Whole:
    """A status, headers, and a body with its length, or in chunks."""

    status: int
    headers: Headers
    body: bytes
    chunks: tuple[bytes, ...] | None

    async def play(self, handler: RequestHandler) -> None:
        _head(handler, self.status, self.headers)
        with suppress(StreamClosedError):
            for chunk in self.chunks or ():
                handler.write(chunk)
                await handler.flush()
            await handler.finish(self.body or None)


@dataclass(frozen=True)
class Raw:
    """Bytes as they are; then the connection closes."""

    writes: tuple[bytes, ...]

    async def play(self, handler: RequestHandler) -> None:
        stream = handler.detach()
        with suppress(StreamClosedError):
            for data in self.writes:
                await stream.write(data)
        stream.close()
        handler._finished = True  # tornado would go on to the handler's method


class Stream:
    """A chunked answer that a test drives step by step, from any thread, without sleeping."""

    def __init__(self, loop: asyncio.AbstractEventLoop, status: int, content_type: str, headers: Headers) -> None:
        self.disconnected = threading.Event()  # the client closed before the end
        self.ended = threading.Event()  # nothing more will be sent, for whatever reason
        self.sent = 0  # bytes handed to the socket: stops growing when the client does not read
        self._loop = loop
        self._head = (status, [("Content-Type", content_type), *_pairs(headers)])
        self._steps: asyncio.Queue[bytes | str] = asyncio.Queue()

    def send(self, data: bytes) -> None:
        """Send one chunk."""
        self._put(data)

    def finish(self) -> None:
        """End the answer properly."""
        self._put("finish")

    def abort(self) -> None:
        """Drop the connection in the middle of the body."""
        self._put("abort")

    async def play(self, handler: RequestHandler) -> None:
        _when_closed(handler, self._lost)
        try:
            _head(handler, *self._head)
            await handler.flush()
            while isinstance(step := await self._steps.get(), bytes):
                handler.write(step)
                await handler.flush()
                self.sent += len(step)
            if step == "finish":
                await handler.finish()
            elif step == "abort":
                _when_closed(handler, None)
                handler.detach().close()
        except StreamClosedError:
            self._lost()
        finally:
            handler._finished = True  # tornado would go on to the handler's method
            self.ended.set()

    def _put(self, step: bytes | str) -> None:
        self._loop.call_soon_threadsafe(self._steps.put_nowait, step)

    def _lost(self) -> None:
        self.disconnected.set()
        self._steps.put_nowait("lost")


def _pairs(headers: Headers) -> list[tuple[str, str]]:
    return list(headers.items()) if isinstance(headers, Mapping) else list(headers)


def _when_closed(handler: RequestHandler, callback: Callable[[], None] | None) -> None:
    # The handler's own on_connection_close is registered already; this replaces it.
    connection: Any = handler.request.connection
    connection.set_close_callback(callback)


def _head(handler: RequestHandler, status: int, headers: Headers) -> None:
    handler.set_status(status)
    handler.clear_header("Content-Type")
    for name, value in _pairs(headers):
        handler.add_header(name, value)

"""The HTTP server behind routes whose requests never become flows: bytes to an arrival, an answer to bytes.

It serves the vault (addons/vault_api.py) and the dashboard (addons/dashboard.py), each by a server of its own, and
decides nothing.

Rules: 1. It sees a loopback peer only. Which listener the client came to it is told; who came another way is refused.
       2. One request a connection: the next one may be the proxy's, and must not be read here.
       3. The head decides first. A body is kept only when somebody wants it, up to a limit; the body of a request that
          was refused is read and thrown away, or the client would meet a reset before it reads the answer.
"""

from __future__ import annotations

import logging
import sys
import weakref
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.ioloop import IOLoop

from mitmvault.core.configuration.hostnames import split_authority
from mitmvault.core.formats import openssl
from mitmvault.core.message.arrival import Arrival, Way
from mitmvault.core.pages import vault_api
from mitmvault.core.refusal import Answer, Refusal, answer
from mitmvault.local.loopback import LoopbackServer

logger = logging.getLogger(__name__)
MAX_BYTES = openssl.MAX_BYTES  # of a body
MAX_THROWN_AWAY = 8 * MAX_BYTES  # of a body that nobody wants, so that the client comes to read the answer
Listener = tuple[str, int]


class Desk(Protocol):
    """Who answers."""

    async def head(self, arrival: Arrival) -> Answer | None:
        """The answer to a request's head; None when its body is wanted."""

    async def whole(self, arrival: Arrival, body: bytes) -> Answer:
        """The answer to a request whose body was wanted."""


class UnseenServer(HTTPServerConnectionDelegate):
    """Start it inside a running asyncio loop. `listener_of` tells which listener a peer's client came to."""

    def __init__(self, desk: Desk, listener_of: Callable[[tuple[Any, ...]], Listener | None]) -> None:
        self.desk = desk
        self.listener_of = listener_of
        self._server: LoopbackServer | None = None
        self._served: weakref.WeakSet[object] = weakref.WeakSet()

    def start(self) -> int:
        """Listen on 127.0.0.1 and return the port."""
        # We have limits of our own, with an answer; tornado would just hang up.
        self._server = LoopbackServer(self, no_keep_alive=True, max_body_size=sys.maxsize)
        return self._server.start_anywhere()

    def stop(self) -> None:
        """Stop listening and drop every connection. Does nothing if it does not run."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """tornado: a connection brings a request. It hands on the next one that was buffered, even after the close."""
        if server_conn in self._served:
            return HTTPMessageDelegate()  # does nothing with it
        self._served.add(server_conn)
        return _Exchange(self, request_conn)


class _Exchange(HTTPMessageDelegate):
    """One request and its answer."""

    def __init__(self, server: UnseenServer, connection: Any) -> None:
        self._server, self._connection = server, connection
        self._method = ""
        self._arrival: Arrival | None = None
        self._answer: Answer | None = None
        self._body = bytearray()
        self._size = 0

    async def headers_received(self, start_line: Any, headers: HTTPHeaders) -> None:
        """tornado: the head is complete; the body is read when this returns."""
        self._method = start_line.method
        self._answer = await self._guarded(self._meet, start_line, headers)
        if _length(headers) > MAX_BYTES:
            self._answer = self._answer or vault_api.too_large(MAX_BYTES)
        if self._answer is not None:
            self._send(self._answer)
            if "Expect" in headers:  # the client waits for permission to send its body
                self._connection.finish()

    def data_received(self, chunk: bytes) -> None:
        """tornado: a piece of the body."""
        self._size += len(chunk)
        if self._answer is None and self._size > MAX_BYTES:
            self._body.clear()
            self._answer = vault_api.too_large(MAX_BYTES)
            self._send(self._answer)
        if self._answer is None:
            self._body += chunk
        elif self._size > MAX_THROWN_AWAY:
            self._connection.finish()

    def finish(self) -> None:
        """tornado: the request is complete."""
        if self._answer is not None:
            self._connection.finish()
        else:
            IOLoop.current().add_callback(self._finish)

    async def _finish(self) -> None:
        assert self._arrival is not None
        found = await self._guarded(self._server.desk.whole, self._arrival, bytes(self._body))
        assert found is not None
        self._send(found)
        self._connection.finish()

    async def _meet(self, start_line: RequestStartLine, headers: HTTPHeaders) -> Answer | None:
        listener = self._server.listener_of(self._connection.context.address)
        if listener is None:
            raise Refusal("destination_refused", "This port is not for clients: ask at the proxy's own address.")
        self._arrival = arrival_of(start_line, headers, listener)
        return await self._server.desk.head(self._arrival)

    async def _guarded(self, ask: Callable[..., Any], *args: Any) -> Answer | None:
        """What `ask` answers; what it refuses and what it fails at become answers too, and nothing is quoted."""
        try:
            found: Answer | None = await ask(*args)
            return found
        except Refusal as refusal:
            return answer(refusal)
        except Exception as error:
            logger.error("answering a request that is no flow failed: %s", type(error).__name__)
            return answer(Refusal("internal_error", "mitmvault failed while it handled this request."))

    def _send(self, found: Answer) -> None:
        """Write the whole answer. Closing comes later: a client that still sends would get a reset instead."""
        headers = HTTPHeaders()
        for name, value in found.headers:
            headers.add(name, value)
        headers["Connection"] = "close"
        silent = self._method == "HEAD" or found.status in (204, 304)
        start_line = ResponseStartLine("HTTP/1.1", found.status, HTTPStatus(found.status).phrase)
        self._connection.write_headers(start_line, headers, None if silent else found.body)


def _length(headers: HTTPHeaders) -> int:
    """The body's length as far as it is told; what is no number is for tornado to refuse."""
    told = headers.get("Content-Length", "")
    return int(told[:19]) if told.isascii() and told.isdigit() else 0


def arrival_of(start_line: RequestStartLine, headers: HTTPHeaders, listener: Listener) -> Arrival:
    """tornado's view of a request, as the core's."""
    # tornado reads header bytes as Latin-1; everywhere else in mitmvault they are UTF-8, as far as they are.
    decoded = ((name, value.encode("latin-1").decode("utf-8", "surrogateescape")) for name, value in headers.get_all())
    host, port = split_authority(headers.get("Host", ""), "http") or ("", 0)
    return Arrival(
        way=Way.LISTENER,
        method=start_line.method,
        scheme="http",
        host=host,
        port=port,
        target=start_line.path,
        headers=tuple(decoded),
        authority="",
        listener=listener,
    )

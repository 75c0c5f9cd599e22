"""Another attempt inside mitmproxy's stream, so that the answer that counts still streams.

Rules: 1. Only while nothing was sent to the client, and only if the whole request is in memory.
       2. A failed answer is not read: its connection is closed, or its stream reset if others share the connection.
          What still comes from it is not taken for news of the next attempt.
       3. Every attempt has a connection that the request has not used before: HTTP/1 connections are not reset yet when
          an answer's head is read, and on HTTP/2 the stream is closed. A dial that failed is made again (mitmproxy
          would repeat the failure to every later request of the same client connection).
       4. A client that leaves meanwhile ends it: nothing more is sent, and the error is told once.
       5. What a wait is for is asked from outside (`set_next_attempt`); the wait is mitmproxy's own, and blocks nobody.

How: states of HttpStream. `HttpLayer.event_to_child` remembers who asked for a `RequestWakeup` and brings the `Wakeup`
back to it, through every layer above, and to streams that are done as well (11.0.2 and 12.2.3).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from mitmproxy import http
from mitmproxy.connection import Connection, Server
from mitmproxy.flow import Error
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers.http import (
    HttpErrorHook,
    HttpEvent,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    ResponseProtocolError,
    SendHttp,
)

from mitmvault.wire import compat, permits, switch

Commands = Generator[Any, Any, None]
# Takes the failed answer (None: no answer came); returns the seconds until the next attempt, for which it has edited
# the request, or None when there is none.
NextAttempt = Callable[[http.Response | None], float | None]

_STOCK = layers.HttpStream
_NEXT = "_mitmvault_next_attempt"
_FROM = "_mitmvault_from"


def set_next_attempt(request: http.Request, ask: NextAttempt | None) -> None:
    """Let failures of this request be answered with another attempt; None: with none."""
    setattr(request, _NEXT, ask)


def mark(event: HttpEvent, connection: Connection) -> None:
    """Note which connection an event comes from: mitmproxy tells a stream only that it comes from its server."""
    setattr(event, _FROM, connection)


class _Another(layers.GetHttpConnection):
    used: tuple[Connection, ...] = ()

    def connection_spec_matches(self, connection: Connection) -> bool:
        usable = not connection.error and connection not in self.used
        return usable and super().connection_spec_matches(connection)


class RetryingStream(_STOCK):  # type: ignore[misc,valid-type]
    """HttpStream that may try again."""

    attempts = 1
    _wait: commands.RequestWakeup | None = None
    _used: tuple[Connection, ...] = ()

    def _handle_event(self, event: Any) -> Commands:
        if isinstance(event, events.Wakeup):
            if event.command is self._wait:
                yield from self._send_again()
        elif getattr(event, _FROM, self.context.server) is self.context.server:
            yield from super()._handle_event(event)

    def state_wait_for_response_headers(self, event: Any) -> Commands:
        delay = self._next_attempt(event.response)
        if delay is None:
            yield from super().state_wait_for_response_headers(event)
            return
        failed = self.context.server
        self._turn_away()
        yield SendHttp(compat.cancelled(self.stream_id), failed)
        yield from self._send_later(delay)

    def state_between_attempts(self, _: Any) -> Commands:
        """There is no provider to hear from."""
        yield from ()

    def handle_protocol_error(self, event: Any) -> Commands:
        """Connection failures, before and after there is a connection; and clients that leave."""
        if self.server_state == self.state_between_attempts:
            yield from self._left(event.message)
            return
        early = self.server_state == self.state_wait_for_response_headers and isinstance(event, ResponseProtocolError)
        delay = self._next_attempt(None) if early and not hasattr(event, "refusal") else None
        if delay is None:
            yield from super().handle_protocol_error(event)
            return
        self._turn_away()
        yield from self._send_later(delay)

    def make_server_connection(self) -> Generator[Any, Any, bool]:
        request, server = self.flow.request, self.flow.server_conn
        address = (request.host, request.port)
        wanted = _Another(address, request.scheme == "https", server.via, server.transport_protocol)
        wanted.used = self._used
        connection, error = yield wanted
        if error:
            yield from self.handle_protocol_error(compat.connect_failed(self.stream_id, error))
            return False
        self.context.server = self.flow.server_conn = connection
        self._used += (connection,)
        return True

    def _next_attempt(self, failed: http.Response | None) -> float | None:
        """Ask for another attempt. None: there is none, and what came is the answer."""
        ask: NextAttempt | None = self.flow.request.__dict__.get(_NEXT)
        whole = self.client_state == self.state_done and not self.flow.request.stream
        return ask(failed) if ask and whole and permits.of(self.flow.request) and switch.is_on() else None

    def _turn_away(self) -> None:
        """From the failed attempt to the next one, which has no connection yet."""
        self.attempts += 1
        self.server_state = self.state_between_attempts
        address = (self.flow.request.host, self.flow.request.port)
        self.context.server = self.flow.server_conn = Server(address=address)

    def _send_later(self, delay: float) -> Commands:
        if delay:
            self._wait = commands.RequestWakeup(delay)
            yield self._wait
        else:
            yield from self._send_again()

    def _send_again(self) -> Commands:
        self._wait = None
        if (yield from self.check_killed(True)):
            return
        self.server_state = self.state_wait_for_response_headers
        if not (yield from self.make_server_connection()) or (yield from self.check_killed(True)):
            return
        request, server, stream_id = self.flow.request, self.context.server, self.stream_id
        content = request.raw_content
        yield SendHttp(RequestHeaders(stream_id, request, not content), server)
        if content:
            yield SendHttp(RequestData(stream_id, content), server)
        yield SendHttp(RequestEndOfMessage(stream_id), server)

    def _left(self, message: str) -> Commands:
        self._wait = None
        self.client_state = self.server_state = self.state_errored
        self.flow.error = Error(message)
        yield HttpErrorHook(self.flow)
        self.flow.live = False
        yield layers.DropStream(self.stream_id)

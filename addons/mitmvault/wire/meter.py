"""What passed through a request's stream: bytes, the time of the first one, and how it failed if it did.

Rules: 1. Counted is what the client sent of its body and what it got of the answer's, streamed or not.
       2. Nothing is kept of the bytes themselves.
       3. When mitmproxy reports an error, the meter has its reason already: what the client will read, or that it left.

How: a subclass of our stream, outside everything else that it does (11.0.2 and 12.2.3). Messages of WebSockets do not
pass here.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from mitmproxy import http
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers.http import (
    HttpErrorHook,
    RequestData,
    RequestProtocolError,
    ResponseData,
    ResponseProtocolError,
    SendHttp,
)

from mitmvault.core.refusal import REASONS
from mitmvault.wire import permits
from mitmvault.wire.stream import MendedStream

Commands = Generator[Any, Any, None]
_ATTRIBUTE = "_mitmvault_meter"


@dataclass(slots=True)
class Meter:
    """The counts of one request. Times are seconds since 1970."""

    bytes_in: int = 0
    bytes_out: int = 0
    first_byte: float | None = None
    aborted: bool = False  # the client left before the end
    reason: str | None = None  # why there was no whole answer, from REASONS
    status: int | None = None  # of our answer that says so; None: there is none, or another one was under way
    told: bool = False  # whether somebody has made an account of it


def of(request: http.Request) -> Meter:
    """The meter of a request; one that has counted nothing for a request that no stream of ours has brought."""
    return request.__dict__.setdefault(_ATTRIBUTE, Meter())


def install() -> None:
    """Put the subclass in place, over that of `wire.stream`; it stays until the process ends."""
    layers.HttpStream = MeteredStream  # type: ignore[misc]


class MeteredStream(MendedStream):
    """Our stream, with a meter."""

    _meter = Meter()
    _failure: Any = None
    _counting = False

    def _handle_event(self, event: Any) -> Commands:
        """Count what passes. Bytes that were kept are handled once more when they are released: not counted again."""
        commands = super()._handle_event(event)
        if self._counting:
            yield from commands
            return
        self._counting = True
        if isinstance(event, RequestData):
            self._meter.bytes_in += len(event.data)
        reply = None
        while True:
            try:
                command = commands.send(reply)
            except StopIteration:
                break
            if isinstance(command, SendHttp):
                if isinstance(command.event, ResponseData) and command.connection is self.context.client:
                    self._sent(len(command.event.data))
            elif isinstance(command, HttpErrorHook):
                self._say_why()
            reply = yield command
        self._counting = False

    def state_wait_for_request_headers(self, event: Any) -> Commands:
        self._meter = Meter()
        setattr(event.request, _ATTRIBUTE, self._meter)
        yield from super().state_wait_for_request_headers(event)

    def handle_protocol_error(self, event: Any) -> Commands:
        self._failure = event
        yield from super().handle_protocol_error(event)

    def _sent(self, size: int) -> None:
        self._meter.bytes_out += size
        if self._meter.first_byte is None:
            self._meter.first_byte = time.time()

    def _say_why(self) -> None:
        """An error is about to be reported (3). Those that did not come as an event are mitmproxy's own findings."""
        failure, meter = self._failure, self._meter
        left = isinstance(failure, RequestProtocolError)
        left = left or any(isinstance(event, RequestProtocolError) for event in self._paused_event_queue)
        if left:
            meter.aborted = True
        elif isinstance(failure, ResponseProtocolError):
            meter.reason = self._refusal(failure).reason
            meter.status = REASONS[meter.reason][0] if self._shows_a_page(failure) else None
        elif self.flow.error and self.flow.error.msg == self.flow.error.KILLED_MESSAGE:
            meter.aborted = True
        else:  # not valid HTTP: the request, or the answer
            answered = permits.of(self.flow.request) is not None and self.flow.response is not None
            meter.reason = "upstream_failed" if answered else "bad_request"
            meter.status = REASONS[meter.reason][0]

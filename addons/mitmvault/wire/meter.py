"""What passed through a request's stream: bytes, the first one's time, our own share of the time, and how it failed.

Rules: 1. Counted is what the client sent of its body and what it got of the answer's, streamed or not.
       2. Nothing is kept of the bytes themselves.
       3. When mitmproxy reports an error, the meter has its reason already: what the client will read, or that it left.
       4. Our share of the time (the overhead) runs while something is handled, hooks included, until the answer's head
          leaves. It does not run while we wait for the client, for a connection to the provider, or for its answer.

How: a subclass of our stream, which is told what arrives and what leaves (11.0.2 and 12.2.3). A generator of its own
around every event would cost a chunk a tenth of its time. Messages of WebSockets do not pass here.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from mitmproxy import http
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers.http import (
    GetHttpConnection,
    HttpErrorHook,
    RequestData,
    RequestHeaders,
    RequestProtocolError,
    ResponseProtocolError,
)

from mitmvault.core.refusal import REASONS
from mitmvault.wire import permits
from mitmvault.wire.stream import MendedStream

_ATTRIBUTE = "_mitmvault_meter"
REQUEST_ID, OVERHEAD = "x-mitmvault-request-id", "x-mitmvault-overhead-ms"
_shown = False


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
    spent: float = 0.0  # seconds that were ours, but for those since `since`
    since: float | None = None  # of a clock that only goes forward; None: it is not our turn

    @property
    def overhead_ms(self) -> float:
        """Our share of the time until now, or until the answer's head left: milliseconds."""
        running = 0.0 if self.since is None else time.perf_counter() - self.since
        return round((self.spent + running) * 1000, 3)

    def run(self) -> None:
        """It is our turn."""
        self.since = time.perf_counter()

    def rest(self) -> None:
        """It is somebody else's."""
        if self.since is not None:
            self.spent += time.perf_counter() - self.since
            self.since = None


def of(request: http.Request) -> Meter:
    """The meter of a request; one that has counted nothing for a request that no stream of ours has brought."""
    found: Meter | None = request.__dict__.get(_ATTRIBUTE)
    return request.__dict__.setdefault(_ATTRIBUTE, Meter()) if found is None else found


def show(wanted: bool) -> None:
    """From now on, do answers carry the flow's id and the overhead?"""
    global _shown
    _shown = wanted


def install() -> None:
    """Put the subclass in place, over that of `wire.stream`; it stays until the process ends."""
    layers.HttpStream = MeteredStream  # type: ignore[misc]


class MeteredStream(MendedStream):
    """Our stream, with a meter."""

    _meter = Meter()
    _failure: Any = None

    def handle_protocol_error(self, event: Any) -> Generator[Any, Any, None]:
        self._failure = event
        yield from super().handle_protocol_error(event)

    def _arrives(self, event: Any) -> None:
        if isinstance(event, RequestHeaders):
            self._meter = Meter()
            setattr(event.request, _ATTRIBUTE, self._meter)
        elif isinstance(event, RequestData):
            self._meter.bytes_in += len(event.data)
        if not self.head_sent:
            self._meter.run()

    def _sends(self, size: int) -> None:
        meter = self._meter
        meter.bytes_out += size
        if meter.first_byte is None:
            meter.first_byte = time.time()

    def _begin_answer(self, response: http.Response) -> None:
        super()._begin_answer(response)
        self._meter.rest()
        if _shown:
            response.headers[REQUEST_ID] = self.flow.id
            response.headers[OVERHEAD] = f"{self._meter.overhead_ms:.3f}"

    def _waits(self, command: Any) -> bool:
        if isinstance(command, GetHttpConnection):
            self._meter.rest()
            return True
        if isinstance(command, HttpErrorHook):
            self._say_why()
        return False

    def _goes_on(self) -> None:
        self._meter.run()

    def _handled(self) -> None:
        self._meter.rest()

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

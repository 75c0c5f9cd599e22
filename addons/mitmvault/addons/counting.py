"""Tokens and cost of every answer, counted from a copy of its bytes as they pass. Thin: core.token_meter counts.

Rules: 1. No byte is changed or kept back, and no failure here reaches a request. The chunk about usage that we have
          asked for ourselves (setting include_usage) is left out.
       2. The answer that the client gets is counted: of several attempts the last, of several steps the one that
          answered. A question that only looks something up (GET) spends nothing, nor does an error.
       3. An answer that was cut off counts as far as it came.
       4. What the provider says that it cost is believed before the price list.

The count is in the flow's metadata (USAGE) when the others are told of the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from mitmproxy import http

from mitmvault.addons.fail_closed import harmless, report
from mitmvault.addons.rows import USAGE
from mitmvault.core.answer.estimate import account
from mitmvault.core.answer.session_meter import SessionMeter
from mitmvault.core.answer.token_meter import HEADERS, TokenMeter
from mitmvault.core.answer.usage import Count, Usage
from mitmvault.core.formats.usage_shapes import SHAPES
from mitmvault.core.message.stream_options import Leaving
from mitmvault.core.route.permitting import BODILESS
from mitmvault.core.verdict import Counting, Step
from mitmvault.local import prices
from mitmvault.wire import permits

_ATTRIBUTE = "_mitmvault_tap"
_READ = frozenset(name.encode() for name in HEADERS)  # headers of an answer
TOGETHER = 16  # small pieces of a body that are counted at once
SMALL = 4096  # bytes of a piece that is kept until then
Stream = Callable[[bytes], Iterable[bytes] | bytes]


class Tap:
    """In place of an answer's stream: passes the body on, and has it counted; a short one when somebody asks."""

    __slots__ = ("_headers", "_meter", "_request", "_step", "_stream", "_unread", "_waiting", "counting")

    def __init__(self, stream: Stream, counting: Counting, step: Step | None, flow: http.HTTPFlow) -> None:
        """`step`: of several, the one that answered."""
        assert flow.response
        self.counting = counting
        self._stream = stream
        self._step = step
        self._request = flow.request
        self._headers = flow.response.headers
        self._waiting: list[bytes] = []
        self._unread = True
        self._meter: TokenMeter | None = None

    def __call__(self, data: bytes) -> Iterable[bytes] | bytes:
        waiting = self._waiting
        waiting.append(data)
        if len(waiting) >= TOGETHER or len(data) > SMALL:
            self.meter()
        return self._stream(data)

    def meter(self) -> TokenMeter | None:
        """What has counted the body up to here; None: it could not. Does not raise."""
        if self._unread:
            self._unread = False
            try:
                self._meter = TokenMeter(SHAPES[self.counting.shape], _plain(self._headers, _READ))
            except Exception as error:
                report("Tap.meter", error)
        waiting, self._waiting = self._waiting, []
        if self._meter:
            self._meter.feed(b"".join(waiting))
        return self._meter

    @property
    def asked(self) -> bytes | None:
        """What the provider was asked, without a coding; None: nobody has it."""
        if self._step:
            return self._step.query
        encoded = self._request.headers.get("content-encoding", "identity").strip().lower() != "identity"
        return None if encoded else self._request.raw_content


class Counter:
    """Puts a tap on every answer's stream. It hears of the end before who wants to know the count. (endings.py)"""

    def running(self) -> None:
        prices.warm()

    @harmless
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        permit, response = permits.of(flow.request), flow.response
        if permit is None or response is None or not callable(response.stream):
            return
        if not 200 <= response.status_code < 300 or flow.request.method in BODILESS:
            return
        step = permit.answered(response.headers.get("cf-aig-step", "")) if permit.slots else None
        counting = step.counting if step else permit.counting
        tap = Tap(response.stream, counting, step, flow)
        flow.request.__dict__[_ATTRIBUTE] = response.stream = tap
        if counting.added and _is_plain_stream(response.headers):
            response.stream = _leaving(tap, Leaving())

    @harmless
    def websocket_start(self, flow: http.HTTPFlow) -> None:
        if permit := permits.of(flow.request):
            flow.request.__dict__[_ATTRIBUTE] = SessionMeter(SHAPES[permit.counting.shape])

    @harmless
    def websocket_message(self, flow: http.HTTPFlow) -> None:
        meter = flow.request.__dict__.get(_ATTRIBUTE)
        if meter and flow.websocket and not flow.websocket.messages[-1].from_client:
            meter.feed(flow.websocket.messages[-1].content)

    def ended(self, flow: http.HTTPFlow, _: float) -> None:
        """A request has come to its end."""
        tap: Tap | SessionMeter | None = flow.request.__dict__.pop(_ATTRIBUTE, None)
        flow.metadata.pop(USAGE, None)  # a replay's first life
        if tap is not None and (found := talked(tap) if isinstance(tap, SessionMeter) else counted(tap)):
            flow.metadata[USAGE] = found


def heard(flow: http.HTTPFlow) -> int | None:
    """Roughly the tokens of an answer that is on its way; None: not known."""
    tap = flow.request.__dict__.get(_ATTRIBUTE)
    meter = tap.meter() if isinstance(tap, Tap) else None
    return meter.heard() if meter else None


def counted(tap: Tap) -> dict[str, Any] | None:
    """What the bookkeeper writes down; None for an answer of which nothing is known."""
    meter = tap.meter()
    count = meter.count() if meter else Count(Usage())
    found = account(count, tap.asked if count.said else None)
    if found is None:
        return None
    counting = tap.counting
    models = (count.model, *counting.models) if count.model else counting.models
    cost = count.cost if count.cost is not None else prices.cost(counting.prices, models, found)
    found["cost"] = cost
    return found


def talked(meter: SessionMeter) -> dict[str, Any] | None:
    """The same for a WebSocket. Sound has prices of its own, so that the cost is not known."""
    found = account(Count(meter.usage), None)
    return {**found, "cost": None} if found else None


def _plain(headers: http.Headers, names: frozenset[bytes]) -> dict[str, str]:
    """Those of these names, in lower case; several of a name are a list. In one go: each by itself costs as much."""
    found: dict[str, str] = {}
    for raw, value in headers.fields:
        if (lower := raw.lower()) in names:
            name, text = lower.decode(), value.decode("utf-8", "replace")
            found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def _is_plain_stream(headers: http.Headers) -> bool:
    """Are these events whose bytes can be left out?"""
    plain = headers.get("content-encoding", "identity").strip().lower() == "identity"
    return plain and "content-length" not in headers and "event-stream" in headers.get("content-type", "").lower()


def _leaving(stream: Stream, leaving: Leaving) -> Stream:
    """Only whole events are passed on; what comes at the end (b"") may be several pieces."""

    def shortened(data: bytes) -> Iterable[bytes]:
        passed = stream(data)
        joined = passed if isinstance(passed, bytes) else b"".join(passed)
        kept = leaving.feed(joined) if joined else b""
        if not data:
            kept += leaving.feed(b"")
        return [kept] if kept else []

    return shortened

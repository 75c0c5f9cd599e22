"""Tokens and cost of every answer, counted from a copy of its bytes as they pass. Thin: core.token_meter counts.

Rules: 1. No byte is changed or kept back, and no failure here reaches a request. The chunk about usage that we have
          asked for ourselves (setting include_usage) is left out.
       2. The answer that the client gets is counted: of several attempts the last, of several steps the one that
          answered. A question that only looks something up (GET) spends nothing, nor does an error.
       3. An answer that was cut off counts as far as it came.
       4. What the provider says that it cost is believed before the price list.

It stands before everybody who wants to know: the count is in the flow's metadata when they are told of the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from mitmproxy import http

from mitmvault.addons.fail_closed import report
from mitmvault.addons.rows import USAGE
from mitmvault.core.answer.estimate import account
from mitmvault.core.answer.session_meter import SessionMeter
from mitmvault.core.answer.token_meter import HEADERS, TokenMeter
from mitmvault.core.answer.usage import Count
from mitmvault.core.formats.usage_shapes import SHAPES
from mitmvault.core.message.stream_options import Leaving
from mitmvault.core.route.permitting import BODILESS
from mitmvault.core.verdict import Counting, Step
from mitmvault.local import prices
from mitmvault.wire import permits

_ATTRIBUTE = "_mitmvault_token_meter"
_READ = frozenset(name.encode() for name in (*HEADERS, "cf-aig-step"))  # headers of an answer
Stream = Callable[[bytes], Iterable[bytes] | bytes]


class Begun(NamedTuple):
    """An answer that is being counted."""

    meter: TokenMeter
    counting: Counting
    request: http.Request
    step: Step | None  # of several, the one that answered

    @property
    def asked(self) -> bytes | None:
        """What the provider was asked, without a coding; None: nobody has it."""
        if self.step:
            return self.step.query
        encoded = self.request.headers.get("content-encoding", "identity").strip().lower() != "identity"
        return None if encoded else self.request.raw_content


class Counter:
    """Puts a meter beside every answer's stream."""

    def __init__(self, under_way: Callable[[], Iterable[http.HTTPFlow]] = tuple) -> None:
        """`under_way`: those whose end has not come. When mitmvault stops, they count as far as they came."""
        self._under_way = under_way

    def running(self) -> None:
        prices.warm()

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        flow.request.__dict__.pop(_ATTRIBUTE, None)  # a replay's first life

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        try:
            self._begin(flow)
        except Exception as error:
            report("Counter.responseheaders", error)

    def websocket_start(self, flow: http.HTTPFlow) -> None:
        if permit := permits.of(flow.request):
            flow.request.__dict__[_ATTRIBUTE] = SessionMeter(SHAPES[permit.counting.shape])

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        meter = flow.request.__dict__.get(_ATTRIBUTE)
        if meter and flow.websocket and not flow.websocket.messages[-1].from_client:
            try:
                meter.feed(flow.websocket.messages[-1].content)
            except Exception as error:
                report("Counter.websocket_message", error)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def done(self) -> None:
        for flow in self._under_way():
            self._end(flow)

    def _begin(self, flow: http.HTTPFlow) -> None:
        permit, response = permits.of(flow.request), flow.response
        spends = response and 200 <= response.status_code < 300 and flow.request.method not in BODILESS
        if permit is None or response is None or not spends or not callable(response.stream):
            return
        headers = _plain(response.headers, _READ)
        step = permit.answered(headers.get("cf-aig-step", ""))
        counting = step.counting if step else permit.counting
        meter = TokenMeter(SHAPES[counting.shape], headers)
        flow.request.__dict__[_ATTRIBUTE] = Begun(meter, counting, flow.request, step)
        if meter.reads:
            response.stream = _beside(response.stream, meter)
        if counting.added and _is_plain_stream(response.headers):
            response.stream = _leaving(response.stream, Leaving())

    def _end(self, flow: http.HTTPFlow) -> None:
        begun: Begun | SessionMeter | None = flow.request.__dict__.pop(_ATTRIBUTE, None)
        if begun is None:
            return
        try:
            found = talked(begun) if isinstance(begun, SessionMeter) else counted(begun)
            if found:
                flow.metadata[USAGE] = found
        except Exception as error:
            report("Counter._end", error)


def heard(flow: http.HTTPFlow) -> int | None:
    """Roughly the tokens of an answer that is on its way; None: not known."""
    begun: Begun | None = flow.request.__dict__.get(_ATTRIBUTE)
    return begun.meter.heard() if begun else None


def counted(begun: Begun) -> dict[str, Any] | None:
    """What the bookkeeper writes down; None for an answer of which nothing is known."""
    count = begun.meter.count()
    found = account(count, begun.asked if count.said else None)
    if found is None:
        return None
    counting = begun.counting
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


def _beside(stream: Stream, meter: TokenMeter) -> Stream:
    feed = meter.feed

    def metered(data: bytes) -> Iterable[bytes] | bytes:
        feed(data)
        return stream(data)

    return metered

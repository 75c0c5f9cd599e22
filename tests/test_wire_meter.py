"""What passes is counted once, streamed or kept, and an error has its reason when it is reported."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers.http._http1 import Http1Client

from mitmvault.addons.fail_closed import refuse
from mitmvault.core.decide import decide
from mitmvault.core.refusal import Refusal
from mitmvault.wire import meter, permits, server, stream
from mitmvault.wire.stream import BodyPolicy, Hold, hold, set_body_policy
from tests.layers import Driven
from tests.worlds import JSON, arrival, bearer, chat, world


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    for name in ("HttpStream", "Http1Server"):
        monkeypatch.setattr(layers, name, getattr(layers, name))
    monkeypatch.setattr(layers, "Http1Client", Http1Client)  # mitmproxy's own, whatever other tests have installed
    for part in (stream, meter, server):
        part.install()


class Watched(Driven):
    """Keeps the flow, and what the meter said when mitmproxy reported the end."""

    def __init__(self, hooks=None, **more) -> None:
        self.flow, self.at_the_end = None, []
        hooks = hooks or {}

        def begin(flow):
            self.flow = flow
            hooks.get("requestheaders", lambda flow: None)(flow)

        def end(flow):
            found = self.meter
            self.at_the_end.append((found.reason, found.status, found.aborted))

        super().__init__(hooks | {"requestheaders": begin, "response": end, "error": end}, **more)

    @property
    def meter(self) -> meter.Meter:
        return meter.of(self.flow.request)


def head(length: int) -> bytes:
    return b"POST http://h.example/x HTTP/1.1\r\nHost: h.example\r\nContent-Length: %d\r\n\r\n" % length


CHUNKED = b"POST http://h.example/x HTTP/1.1\r\nHost: h.example\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


def yes(flow) -> None:
    permits.attach(flow.request, decide(world(), arrival("/anthropic/v1/messages", bearer(), JSON), chat()))


def streamed(flow) -> None:
    flow.response.stream = lambda data: [data]


def test_a_request_that_nobody_has_brought():
    request = layers.http.Request.make("GET", "http://h/")
    assert meter.of(request) is meter.of(request) and meter.of(request) == meter.Meter()


def test_both_bodies():
    begun = time.time()
    driven = Watched({"request": yes, "responseheaders": streamed}, dial_error=[None])
    driven.receive(head(10), b"x" * 4, b"x" * 6).answer(0, OK % 5)
    assert (driven.meter.bytes_in, driven.meter.bytes_out, driven.meter.first_byte) == (10, 0, None)
    driven.answer(0, b"yy")
    first = driven.meter.first_byte
    assert driven.meter.bytes_out == 2 and begun <= first <= time.time()
    driven.answer(0, b"yyy")
    assert driven.meter.bytes_out == 5 and driven.meter.first_byte == first
    assert driven.at_the_end == [(None, None, False)]


def test_a_second_request_on_the_connection_has_a_meter_of_its_own():
    driven = Watched({"request": yes, "responseheaders": streamed}, dial_error=[None])
    driven.receive(head(10), b"x" * 10).answer(0, OK % 1, b"y")
    before = driven.meter
    driven.receive(head(3), b"xxx")
    assert driven.meter is not before and (before.bytes_in, driven.meter.bytes_in) == (10, 3)


def test_an_answer_that_was_kept_counts_once():
    driven = Watched({"request": yes}, dial_error=[None])
    driven.receive(head(0)).answer(0, OK % 5, b"yyyyy")
    assert driven.sent.endswith(b"yyyyy") and driven.meter.bytes_out == 5


def test_what_was_held_and_released_counts_once():
    def held(flow):
        hold(flow.response, Hold(4, lambda data: [data]))

    driven = Watched({"request": yes, "responseheaders": held}, dial_error=[None])
    driven.receive(head(0)).answer(0, OK % 9, b"yyy")
    assert driven.meter.bytes_out == 0
    driven.answer(0, b"yyy", b"yyy")
    assert driven.sent.endswith(b"y" * 9) and driven.meter.bytes_out == 9


def test_a_body_that_outgrew_its_limit_counts_once():
    def limit(flow):
        set_body_policy(flow.request, BodyPolicy(100, lambda: yes(flow)))

    driven = Watched({"requestheaders": limit}, dial_error=[None])
    driven.receive(CHUNKED, b"65\r\n" + b"x" * 101 + b"\r\n", b"2\r\nxx\r\n0\r\n\r\n")
    assert driven.meter.bytes_in == 103


def test_an_early_refusal_is_counted_too():
    driven = Watched({"requestheaders": lambda flow: refuse(flow, Refusal("missing_token", "No."))})
    driven.receive(head(1000))
    assert driven.meter.bytes_out == len(driven.flow.response.content) > 0
    assert driven.at_the_end == [(None, None, False)]


@pytest.mark.parametrize(
    ("hooks", "reason", "status"), [({"request": yes}, "upstream_unreachable", 502), ({}, "upstream_unreachable", 502)]
)
def test_a_provider_that_cannot_be_reached(hooks, reason, status):
    driven = Watched(hooks, dial_error="no route").receive(head(0))
    assert driven.at_the_end == [(reason, status, False)]
    assert b"502" in driven.sent and driven.meter.bytes_out > 0


def test_a_provider_that_goes_before_it_answers():
    driven = Watched({"request": yes}, dial_error=[None]).receive(head(0)).lose(0)
    assert driven.at_the_end == [("upstream_failed", 502, False)]


def test_a_provider_that_goes_in_the_middle():
    driven = Watched({"request": yes, "responseheaders": streamed}, dial_error=[None])
    driven.receive(head(0)).answer(0, OK % 9, b"yyy").lose(0)
    assert driven.at_the_end == [("upstream_failed", None, False)] and driven.meter.bytes_out == 3


def test_an_answer_that_is_not_valid():
    driven = Watched({"request": yes}, dial_error=[None]).receive(head(0))
    driven.answer(0, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert driven.at_the_end == [("upstream_failed", 502, False)] and b" 502 " in driven.sent


def test_a_request_that_is_not_valid():
    driven = Watched().receive(
        b"GET http://h.example/x HTTP/1.1\r\nHost: h.example\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    assert driven.at_the_end == [("bad_request", 400, False)] and b" 400 " in driven.sent


def test_a_client_that_leaves():
    driven = Watched({"request": yes, "responseheaders": streamed}, dial_error=[None])
    driven.receive(head(0)).answer(0, OK % 9, b"yyy").hang_up()
    assert driven.at_the_end == [(None, None, True)]


def test_a_client_that_leaves_before_anything_is_sent():
    assert Watched().receive(head(9)).hang_up().at_the_end == [(None, None, True)]


def test_a_flow_that_an_operator_kills():
    def kill(flow):
        flow.live = True
        flow.kill()

    driven = Watched({"request": kill}, dial_error=[None]).receive(head(0))
    assert driven.at_the_end == [(None, None, True)] and driven.upstreams == []


class Clock:
    """In place of the one that only goes forward: the test says how late it is."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(meter, "time", SimpleNamespace(perf_counter=made, time=time.time))
    return made


def takes(clock, seconds: float, then=lambda flow: None):
    """A hook that takes that long."""

    def hook(flow):
        clock.now += seconds
        then(flow)

    return hook


def test_our_share_of_the_time_is_that_of_our_hooks(clock):
    hooks = {
        "requestheaders": takes(clock, 1),
        "request": takes(clock, 2, yes),
        "responseheaders": takes(clock, 4, streamed),
    }
    driven = Watched(hooks, dial_error=[None])
    driven.dialling = []
    driven.receive(head(2), b"x")
    clock.now += 100  # waiting for the client
    driven.receive(b"x")
    assert len(driven.dialling) == 1
    clock.now += 100  # for a connection
    driven.dialled()
    clock.now += 100  # for the provider
    driven.answer(0, OK % 2)
    assert driven.meter.overhead_ms == 7000
    clock.now += 100  # once the head has left, nothing counts
    driven.answer(0, b"yy")
    assert driven.meter.overhead_ms == 7000 and driven.sent.endswith(b"yy")


def test_our_share_while_it_grows(clock):
    seen = []

    def look(flow):
        clock.now += 0.5
        seen.append(meter.of(flow.request).overhead_ms)

    driven = Watched({"requestheaders": look, "request": lambda flow: refuse(flow, Refusal("missing_token", "No."))})
    driven.receive(head(0))
    assert seen == [500.0] and driven.meter.overhead_ms == 500.0 and b" 401 " in driven.sent


def headers_of(sent: bytes) -> dict[str, str]:
    lines = sent.decode().partition("\r\n\r\n")[0].splitlines()[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


@pytest.mark.parametrize("way", ["streamed", "kept", "refused early", "no connection"])
def test_answers_carry_what_they_are_to_carry(way, monkeypatch):
    monkeypatch.setattr(meter, "_shown", False)
    hooks = {"request": yes, "responseheaders": streamed if way == "streamed" else lambda flow: None}
    if way == "refused early":
        hooks["requestheaders"] = lambda flow: refuse(flow, Refusal("missing_token", "No."))
    for shown in (False, True):
        meter.show(shown)
        driven = Watched(hooks, dial_error="refused" if way == "no connection" else [None])
        driven.receive(head(3), b"xxx")
        if driven.upstreams:
            driven.answer(0, OK % 2, b"yy")
        found = headers_of(driven.sent)
        assert (meter.REQUEST_ID in found, meter.OVERHEAD in found) == (shown, shown), driven.sent
    assert found[meter.REQUEST_ID] == driven.flow.id and float(found[meter.OVERHEAD]) == driven.meter.overhead_ms > 0


def test_what_a_provider_says_of_us_is_overwritten():
    meter.show(True)
    try:
        driven = Watched({"request": yes, "responseheaders": streamed}, dial_error=[None])
        driven.receive(head(0)).answer(
            0, b"HTTP/1.1 200 OK\r\nX-Mitmvault-Request-Id: theirs\r\nContent-Length: 0\r\n\r\n"
        )
        assert driven.sent.lower().count(b"x-mitmvault-request-id") == 1 and b"theirs" not in driven.sent
    finally:
        meter.show(False)

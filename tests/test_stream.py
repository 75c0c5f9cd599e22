"""One request's life: refused at once, limited on its way, and never answered with an HTML page."""

from __future__ import annotations

import json

import pytest
from mitmproxy.proxy.layers import http as layers

from mitmvault.addons.fail_closed import refuse
from mitmvault.core.decide import decide
from mitmvault.core.refusal import Refusal, answer
from mitmvault.wire import compat, permits, server, stream
from mitmvault.wire.stream import BodyPolicy, MendedStream, response_of, set_body_policy
from tests.layers import Driven
from tests.worlds import JSON, arrival, bearer, chat, world


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    for name in ("HttpStream", "Http1Server"):
        monkeypatch.setattr(layers, name, getattr(layers, name))
    stream.install()
    server.install()


def head(length: int, extra: bytes = b"") -> bytes:
    return b"POST http://h.example/x HTTP/1.1\r\nHost: h.example\r\nContent-Length: %d\r\n%s\r\n" % (length, extra)


def spoken(driven: Driven) -> tuple[int, dict]:
    """Status and body of the only answer."""
    status, _, rest = driven.sent.partition(b"\r\n")
    lines, _, body = rest.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in lines.lower() and driven.sent.count(b"HTTP/1.1") == 1
    return int(status.split()[1]), json.loads(body)["error"]


def no(flow) -> None:
    refuse(flow, Refusal("model_not_allowed", "No."))


def yes(flow) -> None:
    permits.attach(flow.request, decide(world(), arrival("/anthropic/v1/messages", bearer(), JSON), chat()))


def test_response_of():
    refusal = Refusal("missing_token", "Say who.")
    response = response_of(answer(refusal))
    assert (response.status_code, response.content) == (401, answer(refusal).body)
    assert response.headers["x-mitmvault-reason"] == "missing_token" and "www-authenticate" in response.headers
    assert response.headers.get_all("content-length") == [str(len(response.content))]


def test_a_refusal_is_answered_before_the_body_comes():
    driven = Driven({"requestheaders": no}).receive(head(1_000_000))
    assert spoken(driven)[0] == 403 and b"connection: close" in driven.sent.lower()
    assert "request" not in driven.seen and "response" in driven.seen
    before = driven.sent
    driven.receive(b"x" * 500_000, b"x" * 500_000)
    assert driven.sent == before


def test_a_refusal_of_a_request_without_a_body():
    assert spoken(Driven({"requestheaders": no}).receive(head(0)))[0] == 403


@pytest.mark.parametrize(
    ("chunks", "overflows"),
    [([b"x" * 50], False), ([b"x" * 60, b"x" * 41], True), ([b"x" * 101], True), ([b"x" * 100], False)],
)
def test_a_body_that_grows_beyond_its_limit(chunks, overflows):
    called = []

    def limit(flow):
        set_body_policy(flow.request, BodyPolicy(100, lambda: (called.append(1), no(flow))))

    chunked = b"POST http://h.example/x HTTP/1.1\r\nHost: h.example\r\nTransfer-Encoding: chunked\r\n\r\n"
    driven = Driven({"requestheaders": limit}).receive(chunked, *(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks))
    assert called == ([1] if overflows else [])
    assert bool(driven.sent) is overflows
    if overflows:
        assert spoken(driven)[0] == 403


def test_an_unreachable_provider_in_the_providers_dialect():
    driven = Driven({"requestheaders": yes}, dial_error="no route").receive(head(0))
    status, error = spoken(driven)
    assert (status, error["type"], error["code"]) == (502, "api_error", "upstream_unreachable")
    assert "anthropic at api.anthropic.com" in error["message"] and "no route" in error["message"]
    assert b"html" not in driven.sent.lower()


def test_without_a_permit_the_provider_is_not_named():
    status, error = spoken(Driven().receive(head(0)))
    assert (status, error["code"]) == (502, "upstream_unreachable")


def test_a_refusal_on_the_wire_keeps_its_reason():
    event = compat.server_error(1, "x")
    event.refusal = Refusal("not_permitted", "Not this one.")
    mended = MendedStream.__new__(MendedStream)
    mended.flow = type("Flow", (), {"request": Driven, "server_conn": None})()
    mended.flow.request = layers.http.Request.make("GET", "http://h/")
    assert mended._refusal(event).reason == "not_permitted"


def test_a_client_that_hangs_up_ends_the_flow():
    driven = Driven().receive(head(10)).hang_up()
    assert "error" in driven.seen and "request" not in driven.seen and driven.closed


def test_a_body_beyond_its_limit_that_nobody_needs_is_streamed_on():
    called = []

    def limit(flow):
        called.append(flow)
        set_body_policy(flow.request, BodyPolicy(100, lambda: yes(flow)))

    chunked = b"POST http://h.example/x HTTP/1.1\r\nHost: h.example\r\nTransfer-Encoding: chunked\r\n\r\n"
    driven = Driven({"requestheaders": limit}).receive(chunked, b"65\r\n" + b"x" * 101 + b"\r\n")
    assert called[0].request.stream is True and called[0].request.raw_content is None
    assert spoken(driven)[1]["code"] == "upstream_unreachable"  # it was dialled before the body had ended

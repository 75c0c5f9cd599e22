"""Our side of a client's connection: what is unreadable is answered as JSON, and quoted nowhere."""

from __future__ import annotations

import json

import pytest
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers.http import _http1, _http2

from mitmvault.wire import server, stream
from mitmvault.wire.server import MAX_HEAD
from tests.layers import Driven

SECRET = b"made-up-secret-0001"


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    for name in ("HttpStream", "Http1Server"):
        monkeypatch.setattr(layers, name, getattr(layers, name))
    stream.install()
    server.install()


def error_of(data: bytes) -> dict:
    return json.loads(data.partition(b"\r\n\r\n")[2])["error"]


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + SECRET + b" NOTHTTP\r\n\r\n",
        b"GET / HTTP/1.1\r\nAuthorization " + SECRET + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: " + SECRET + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\nX: " + SECRET + b"\r\n\r\n",
        SECRET + b"\r\n\r\n",
        b"\x16\x03\x01 " + SECRET + b"\r\n\r\n",
    ],
)
def test_what_is_unreadable(sent):
    driven = Driven().receive(sent)
    assert driven.sent.startswith(b"HTTP/1.1 400") and error_of(driven.sent)["code"] == "bad_request"
    assert b"connection: close" in driven.sent.lower() and driven.closed
    assert SECRET not in driven.sent and SECRET.decode() not in "".join(driven.logged)


def test_a_head_that_does_not_end():
    driven = Driven().receive(b"GET / HTTP/1.1\r\nHost: h\r\n")
    while not driven.closed and len(driven.sent) == 0:
        driven.receive(b"X-A: " + b"x" * 65_000 + b"\r\n")
    assert error_of(driven.sent)["code"] == "bad_request" and driven.closed and "requestheaders" not in driven.seen


def test_a_head_just_below_the_limit_is_read():
    start = b"GET http://h/ HTTP/1.1\r\nHost: h\r\nX-A: "
    driven = Driven().receive(start + b"x" * (MAX_HEAD - len(start) - 100) + b"\r\n\r\n")
    assert "requestheaders" in driven.seen


def test_a_client_that_goes_in_the_middle_of_its_head():
    driven = Driven().receive(b"GET / HTTP/1.1\r\nAuthorization: " + SECRET).hang_up()
    assert driven.closed and driven.sent == b"" and SECRET.decode() not in "".join(driven.logged)


def test_a_broken_chunk_is_answered_once():
    driven = Driven().receive(
        b"POST http://h/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", b"zz\r\n" + SECRET
    )
    assert driven.sent.count(b"HTTP/1.1 400") == 1 and driven.closed and SECRET not in driven.sent


@pytest.mark.parametrize(("status", "code"), [(400, "bad_request"), (413, "bad_request"), (502, "upstream_failed")])
def test_error_pages(status, code):
    assert error_of(_http1.make_error_response(status, SECRET.decode()))["code"] == code
    body = _http2.format_error(status, SECRET.decode())
    assert json.loads(body)["error"]["code"] == code and SECRET not in body


def test_trailers_are_thrown_away():
    body = b"3\r\nabc\r\n0\r\nX-Api-Key: " + SECRET + b"\r\n\r\n"
    seen = []
    hooks = {"request": lambda flow: seen.append((flow.request.raw_content, flow.request.trailers))}
    Driven(hooks).receive(b"POST http://h/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    assert seen == [(b"abc", None)]

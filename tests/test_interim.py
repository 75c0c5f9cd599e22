"""Interim answers over HTTP/1 are thrown away; what follows is the answer."""

from __future__ import annotations

import pytest
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers.http import _http1

from mitmvault.wire import interim
from tests.layers import Driven

REQUEST = b"POST http://provider.test/ HTTP/1.1\r\nHost: provider.test\r\nContent-Length: 2\r\n\r\nhi"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong"
INTERIM = [
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n",
    b"HTTP/1.0 102\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
]


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    monkeypatch.setattr(layers, "Http1Client", _http1.Http1Client)  # other tests leave theirs
    interim.install()


@pytest.mark.parametrize("before", INTERIM)
@pytest.mark.parametrize("cut", ["whole", "bytes", "between"])
def test_the_answer_is_what_follows(before, cut):
    data = before + ANSWER
    pieces = {"whole": [data], "bytes": [bytes([byte]) for byte in data], "between": [before, ANSWER]}[cut]
    made = Driven(dial_error=[None]).receive(REQUEST).answer(0, *pieces)
    assert made.sent == ANSWER and made.logged == []
    assert made.seen == ["requestheaders", "request", "responseheaders", "response"]


def test_switching_protocols_is_an_answer():
    made = Driven(dial_error=[None, None]).receive(REQUEST).answer(0, b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
    assert made.sent.startswith(b"HTTP/1.1 101 ")


def test_nothing_but_an_interim_answer():
    made = Driven(dial_error=[None]).receive(REQUEST).answer(0, INTERIM[0])
    assert made.sent == b""
    assert made.lose(0).sent.startswith(b"HTTP/1.1 502 ")


def test_installed_once():
    before = layers.Http1Client
    interim.install()
    assert layers.Http1Client is before

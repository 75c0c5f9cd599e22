"""Bodies of streamed answers are kept where that is asked for, no more than that, and masked."""

from __future__ import annotations

import pytest
from mitmproxy import http

from mitmvault.addons.answers import Answers
from mitmvault.addons.bodies import Bodies, is_cut
from tests.test_gate import BEARER, flow_of, gate, passed
from tests.test_tunnels import Held
from tests.worlds import world

KEY = b"gsk-made-up-groq-0001"


def answered(configured: str, *chunks: bytes, aborted: bool = False, permitted: bool = True):
    """A flow whose answer has streamed, and what the client got."""
    keeper = Held(world(configured=configured))
    flow = passed(gate(), flow_of("/groq/v1/chat/completions", *([BEARER] if permitted else [])))
    flow.response = flow.response or http.Response(b"HTTP/1.1", 200, b"", http.Headers(), None, None, 0, 0)
    bodies = Bodies(keeper)
    bodies.requestheaders(flow)
    Answers().responseheaders(flow)
    bodies.responseheaders(flow)
    got = b""
    for chunk in (*chunks, *(() if aborted else (b"",))):
        if callable(flow.response.stream):
            got += b"".join(flow.response.stream(chunk))
    (bodies.error if aborted else bodies.response)(flow)
    return flow, got


@pytest.mark.parametrize("configured", ["", "store_bodies: false", "store_bodies: 0"])
def test_off(configured: str) -> None:
    flow, got = answered(configured, b"Hello")
    assert got == b"Hello" and flow.response.raw_content is None


@pytest.mark.parametrize("aborted", [False, True])
def test_kept(aborted: bool) -> None:
    flow, got = answered("store_bodies: true", b"Hel", b"lo", aborted=aborted)
    assert got == flow.response.raw_content == b"Hello" and not is_cut(flow)


def test_the_beginning() -> None:
    flow, got = answered("store_bodies: 4b", b"Hel", b"lo", b" world")
    assert got == b"Hello world" and flow.response.raw_content == b"Hell" and is_cut(flow)


def test_a_key_is_not_kept() -> None:
    flow, got = answered("store_bodies: true", b"my key: " + KEY[:9], KEY[9:] + b"!")
    assert got == flow.response.raw_content == b"my key: " + b"*" * len(KEY) + b"!"


def test_what_we_answer_ourselves_is_left_alone() -> None:
    flow, _ = answered("store_bodies: true", permitted=False)
    assert b"missing_token" in flow.response.raw_content and not callable(flow.response.stream)


def test_what_mitmproxy_keeps_itself_stays() -> None:
    keeper = Held(world(configured="store_bodies: true"))
    flow = passed(gate(), flow_of("/groq/v1/chat/completions", BEARER))
    flow.response = http.Response.make(200)
    flow.response.stream = lambda data: [data]
    bodies = Bodies(keeper)
    bodies.responseheaders(flow)
    assert list(flow.response.stream(b"ours")) == [b"ours"]
    flow.response.raw_content = b"theirs"
    bodies.response(flow)
    assert flow.response.raw_content == b"theirs"

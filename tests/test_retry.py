"""Further attempts inside the stream, without sockets: what goes where, and in which order."""

from __future__ import annotations

import json

import pytest
from mitmproxy import flow as flows
from mitmproxy.proxy.layers import http as layers
from mitmproxy.test import taddons

from mitmvault.core.answer.attempts import expand
from mitmvault.core.decide import decide
from mitmvault.core.refusal import Refusal
from mitmvault.wire import compat, key, permits, retry, server, stream, switch
from mitmvault.wire.stream import BodyPolicy, set_body_policy
from tests.layers import Driven
from tests.worlds import JSON, arrival, bearer, chat, world

KEYS = [f"made-up-key-of-an-attempt-{n}" for n in range(3)]
LOCAL = {"ollama": {"endpoint": "http://127.0.0.1:11434/v1", "keys": [{"key": text} for text in KEYS]}}
PERMIT = decide(world(LOCAL), arrival("/ollama/v1/chat/completions", bearer(), JSON), chat())
BODY = chat()
REQUEST = b"POST http://127.0.0.1:11434/v1/x HTTP/1.1\r\nHost: 127.0.0.1:11434\r\nContent-Length: %d\r\n\r\n%s" % (
    len(BODY), BODY)  # fmt: skip
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\n\r\nbusy"


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    for name in ("HttpStream", "Http1Server", "Http1Client", "Http2Client", "Http3Client"):
        monkeypatch.setattr(layers, name, getattr(layers, name))
    stream.install()
    server.install()
    key.install()
    switch.on()
    with taddons.context():
        yield
    switch.off()


class Asked:
    """Permits request after request; `delays` are what it answers when it is asked for another attempt."""

    def __init__(self, *delays: float | None) -> None:
        self.delays = list(delays)
        self.failed: list[int | None] = []
        self.flow = None

    def __call__(self, flow) -> None:
        self.flow = flow
        self.plan = list(expand((PERMIT,), 9))
        self._grant()
        retry.set_next_attempt(flow.request, self.next)

    def next(self, response):
        self.failed.append(response and response.status_code)
        delay = self.delays.pop(0) if self.delays else None
        if delay is not None:
            self._grant()
        return delay

    def _grant(self) -> None:
        permits.attach(self.flow.request, self.plan.pop(0))


def driven(asked: Asked, *dials: str | None, **hooks) -> Driven:
    return Driven({"request": asked, **hooks}, dial_error=list(dials))


def key_sent(upstream) -> str:
    (line,) = [line for line in upstream.sent.split(b"\r\n") if line.lower().startswith(b"authorization:")]
    assert upstream.sent.endswith(BODY) and upstream.sent.count(b"HTTP/1.1") == 1
    return line.decode().split()[2]


def test_the_answer_of_the_second_attempt_is_the_only_one():
    made = driven(asked := Asked(0), None, None).receive(REQUEST)
    made.answer(0, BUSY)
    assert made.upstreams[0].closed and made.sent == b"" and "responseheaders" not in made.seen
    assert [key_sent(upstream) for upstream in made.upstreams] == KEYS[:2]
    made.answer(1, OK)
    head, _, body = made.sent.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK") and b"x-mitmvault-attempts: 2" in head and body == b"ok"
    assert asked.failed == [429, 200]
    assert made.seen == ["requestheaders", "request", "responseheaders", "response"]


def test_an_answer_is_passed_on_piece_by_piece():
    made = driven(Asked(0), None, None, responseheaders=lambda flow: setattr(flow.response, "stream", True))
    made.receive(REQUEST).answer(0, BUSY)
    made.answer(1, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
    for piece in (b"abc", b"def"):
        made.answer(1, piece)
        assert made.sent.endswith(piece)


def test_one_attempt_says_nothing_about_attempts():
    made = driven(Asked(), None).receive(REQUEST).answer(0, BUSY)
    assert made.sent == BUSY and not made.upstreams[0].closed


def test_without_anybody_to_ask():
    made = driven(Asked(), None)
    made.hooks["request"] = lambda flow: permits.attach(flow.request, PERMIT)
    assert made.receive(REQUEST).answer(0, BUSY).sent == BUSY


@pytest.mark.parametrize(
    "late",
    [
        lambda made: made.lose(0),
        lambda made: made.answer(0, b"more of a body").lose(0),
        lambda made: made.answer(0, b"\x00\xff garbage \r\n\r\n"),
        lambda made: made.answer(0, OK),
    ],
)
@pytest.mark.parametrize("first", [b"HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\nbeginning", b"broken\r\n\r\n",
                                   b"HTTP/1.1 500 No\r\n\r\n", BUSY])  # fmt: skip
@pytest.mark.parametrize("when", ["waiting", "dialling", "sent"])
def test_late_news_of_a_failed_attempt_is_no_news_of_the_next(late, first, when):
    made = driven(Asked(0.25), None, None).receive(REQUEST)
    made.answer(0, first)
    if when != "waiting":
        made.dialling = []
        made.wake()
        if when == "sent":
            made.dialled()
            made.dialling = None
    late(made)
    assert made.sent == b"" and not made.closed
    if when == "waiting":
        made.wake()
    elif when == "dialling":
        made.dialled()
        made.dialling = None
    made.answer(1, OK)
    assert made.sent.startswith(b"HTTP/1.1 200 OK") and made.sent.count(b"HTTP/1.1") == 1
    assert "error" not in made.seen and made.seen.count("response") == 1


def test_the_wait_is_mitmproxys():
    made = driven(Asked(1.5), None, None).receive(REQUEST).answer(0, BUSY)
    assert [wait.delay for wait in made.waits] == [1.5] and len(made.upstreams) == 1
    made.wake()
    assert len(made.upstreams) == 2
    assert made.answer(1, OK).sent.startswith(b"HTTP/1.1 200")


def test_dials_that_fail_and_a_connection_that_is_lost():
    made = driven(asked := Asked(0, 0.25, 0, 0.5, None), "refused", "refused", None, None, None).receive(REQUEST)
    assert asked.failed == [None, None] and not made.upstreams
    made.wake()
    made.lose(0)  # before a head
    made.answer(1, b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").wake()
    assert asked.failed == [None, None, None, 502]
    made.answer(2, OK)
    assert b"x-mitmvault-attempts: 5" in made.sent and "error" not in made.seen
    assert [key_sent(upstream) for upstream in made.upstreams] == [KEYS[2], KEYS[0], KEYS[1]]


def test_when_nothing_helps_it_is_said_in_json():
    made = driven(Asked(0, 0), None, "refused", "no route").receive(REQUEST).answer(0, BUSY)
    head, _, body = made.sent.partition(b"\r\n\r\n")
    error = json.loads(body)["error"]
    assert error["code"] == "upstream_unreachable" and "no route" in error["message"]
    assert b"x-mitmvault-attempts: 3" in head and made.seen.count("error") == 1


def test_a_connection_that_is_lost_after_the_head_is_no_failed_attempt():
    made = driven(asked := Asked(None, 0), None, responseheaders=lambda flow: setattr(flow.response, "stream", True))
    made.receive(REQUEST).answer(0, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc").lose(0)
    assert asked.failed == [200] and made.sent.endswith(b"abc") and made.closed


@pytest.mark.parametrize("later", [lambda made: made.wake(), lambda made: made.lose(0)])
def test_a_client_that_leaves_during_the_wait(later):
    made = driven(Asked(1), None, None).receive(REQUEST).answer(0, BUSY).hang_up()
    assert made.seen.count("error") == 1
    later(made)
    assert len(made.upstreams) == 1 and made.seen.count("error") == 1 and made.sent == b""
    assert not made.layer.streams


def test_a_client_that_leaves_before_any_connection():
    made = driven(Asked(1), "refused", None).receive(REQUEST).hang_up().wake()
    assert not made.upstreams and made.seen.count("error") == 1 and not made.layer.streams


@pytest.mark.parametrize("dials", [[None, None], [None, "refused", None]])
def test_a_client_that_leaves_during_the_dial(dials):
    made = driven(Asked(0.25, 0, 0.25), *dials).receive(REQUEST).answer(0, BUSY)
    made.dialling = []
    made.wake().hang_up().dialled()
    assert made.dialling == [] and made.seen.count("error") == 1 and not made.layer.streams
    assert all(not upstream.sent for upstream in made.upstreams[1:])


def test_a_client_that_leaves_during_the_dial_before_a_wait():
    made = driven(Asked(0.25, 0.25), None, "refused", None).receive(REQUEST).answer(0, BUSY)
    made.dialling = []
    made.wake().hang_up().dialled()
    made.wake()
    assert made.dialling == [] and made.seen.count("error") == 1 and not made.layer.streams


def test_a_flow_that_is_killed_during_the_wait():
    made = driven(asked := Asked(1), None, None).receive(REQUEST).answer(0, BUSY)
    asked.flow.error = flows.Error(flows.Error.KILLED_MESSAGE)
    made.wake()
    assert len(made.upstreams) == 1 and made.seen.count("error") == 1 and made.closed and made.sent == b""


def test_a_switch_that_is_off():
    made = driven(asked := Asked(0), None, None).receive(REQUEST)
    switch.off()
    assert made.answer(0, BUSY).sent == BUSY and asked.failed == []


def test_a_refusal_of_ours_is_not_tried_again():
    event = compat.server_error(1, "x")
    event.refusal = Refusal("not_permitted", "Not this one.")
    made = driven(asked := Asked(0), None, None)
    made.hooks["request"] = lambda flow: (asked(flow), setattr(flow.request, "host_header", "elsewhere.example"))
    made.receive(REQUEST)
    assert b"not_permitted" in made.sent and asked.failed == [] and not made.upstreams[0].sent


def test_a_request_that_is_streamed_is_not_tried_again():
    asked, policies = Asked(0), []

    def head(flow):
        set_body_policy(flow.request, BodyPolicy(10, lambda: asked(flow)))
        policies.append(flow)

    made = Driven({"requestheaders": head}, dial_error=[None, None])
    made.receive(REQUEST).answer(0, BUSY)
    assert policies[0].request.stream and asked.failed == [] and made.sent == BUSY


def test_the_next_request_on_the_connection():
    asked = Asked(0)
    made = driven(asked, None, None, None).receive(REQUEST).answer(0, BUSY).answer(1, OK)
    before = len(made.sent)
    made.receive(REQUEST).answer(1, OK)
    assert made.sent[before:] == OK and len(made.upstreams) == 2
    before, asked.delays = len(made.sent), [0]
    made.receive(REQUEST).answer(1, BUSY).answer(2, OK)
    assert made.sent[before:].startswith(b"HTTP/1.1 200 OK") and len(made.upstreams) == 3


def test_mark():
    event = compat.server_error(1, "x")
    retry.mark(event, "a connection")
    assert event.__dict__[retry._FROM] == "a connection"

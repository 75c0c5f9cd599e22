"""From mitmproxy's flow to an arrival, and what of it observers may see."""

from __future__ import annotations

import pytest
from mitmproxy import http
from mitmproxy.proxy import mode_specs
from mitmproxy.test import taddons, tflow

from mitmvault.addons.arrivals import HIDDEN, arrival_of, arrival_of_replay, hide, remember, replayed_user
from mitmvault.core.configuration.users import User
from mitmvault.core.message.arrival import Way

T = "mv-token-made-up-0001"
ALICE = User("alice", None, None)


@pytest.fixture(autouse=True)
def options():
    """mitmproxy's, which the transparent mode asks for its port."""
    with taddons.context():
        yield


def flow_of(url: str = "http://127.0.0.1:8080/openai/v1/x", *headers: tuple[str, str], mode: str = "regular", **client):
    flow = tflow.tflow(req=http.Request.make("POST", url, b"{}"))
    flow.request.headers = http.Headers([(k.encode(), v.encode()) for k, v in (("Host", "127.0.0.1:8080"), *headers)])
    flow.client_conn.proxy_mode = mode_specs.ProxyMode.parse(mode)
    flow.client_conn.sockname = ("127.0.0.1", 8080)
    for name, value in client.items():
        setattr(flow.client_conn, name, value)
    return flow


@pytest.mark.parametrize(
    ("mode", "in_tunnel", "way"),
    [
        ("regular", False, Way.LISTENER),
        ("regular", True, Way.TUNNEL),
        ("regular@9090", False, Way.LISTENER),
        ("transparent", False, Way.TRANSPARENT),
        ("transparent", True, Way.TRANSPARENT),
        ("socks5", False, Way.TRANSPARENT),
        ("wireguard", False, Way.TRANSPARENT),
    ],
)
def test_the_way(mode, in_tunnel, way):
    assert arrival_of(flow_of(mode=mode), in_tunnel, None).way is way


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        (("127.0.0.1", 5), True),
        (("::1", 5, 0, 0), True),
        (("::ffff:127.0.0.1", 5, 0, 0), True),
        (("192.0.2.7", 5), True),  # our own address, which the client reached
        (("192.0.2.9", 5), False),
        (("::ffff:192.0.2.9", 5, 0, 0), False),
        (None, False),
    ],
)
def test_who_comes_from_this_machine(peer, local):
    flow = flow_of(peername=peer, sockname=("192.0.2.7", 8080))
    assert arrival_of(flow, False, None).local is local
    assert not arrival_of(flow, True, None).local, "in a tunnel, who knows"
    flow.client_conn.proxy_mode = mode_specs.ProxyMode.parse("transparent")
    assert not arrival_of(flow, False, None).local


def test_everything_is_taken_over():
    flow = flow_of(
        "https://api.openai.com:8443/v1/%2F?a=1",
        ("X-A", "1"),
        ("x-a", "2"),
        sni="api.openai.com",
        timestamp_tls_setup=1.0,
    )
    came = arrival_of(flow, True, ALICE)
    assert (came.scheme, came.host, came.port, came.target, came.method) == (
        "https",
        "api.openai.com",
        8443,
        "/v1/%2F?a=1",
        "POST",
    )
    assert came.headers == (("Host", "127.0.0.1:8080"), ("X-A", "1"), ("x-a", "2"))
    assert (came.tls, came.sni, came.vouched, came.listener) == (True, "api.openai.com", ALICE, ("127.0.0.1", 8080))
    assert "127.0.0.1:8080" in came.authorities


def test_a_client_without_a_socket_name():
    assert arrival_of(flow_of(sockname=None), False, None).listener == ("", 0)


def test_bytes_that_are_no_utf8_do_not_get_lost():
    flow = flow_of()
    flow.request.headers = http.Headers([(b"X-A", b"\xe9")])
    (name, value) = arrival_of(flow, False, None).headers[0]
    assert (name, value.encode("utf-8", "surrogateescape")) == ("X-A", b"\xe9")


def test_hide():
    carriers = ["Authorization", "authorization", "Proxy-Authorization", "X-API-Key", "x-goog-api-key", "Api-Key",
    "X-Auth-Token",
                "Cookie", "cf-aig-authorization", "x-auth-key", "x-amz-security-token"]  # fmt: skip
    flow = flow_of(
        f"http://h/x?a=1&key={T}&AUTH_TOKEN={T}&b=%2F", *((name, f"Bearer {T}") for name in carriers), ("X-Other", "1")
    )
    hide(flow.request)
    assert T not in repr(flow.get_state())
    assert flow.request.path == "/x?a=1&b=%2F" and flow.request.headers["x-other"] == "1"
    assert flow.request.headers.get_all("authorization") == [HIDDEN]
    assert all(name in flow.request.headers for name in carriers)


@pytest.mark.parametrize(
    ("value", "left"),
    [(f"realtime, openai-insecure-api-key.{T}", ["realtime"]), (f"cf-aig-authorization.{T}", []), ("a, b", ["a, b"])],
)
def test_hide_subprotocols(value, left):
    flow = flow_of("http://h/x", ("Sec-WebSocket-Protocol", value))
    hide(flow.request)
    assert flow.request.headers.get_all("sec-websocket-protocol") == left


def replayable(*headers: tuple[str, str]):
    flow = flow_of(f"http://127.0.0.1:8080/openai/v1/x?key={T}&a=1", ("Authorization", f"Bearer {T}"), *headers)
    came = arrival_of(flow, False, None)
    hide(flow.request)
    remember(flow, came, ALICE)
    return flow, came


def test_a_replay_is_the_same_arrival_vouched_for():
    flow, came = replayable(("X-A", "1"))
    assert T not in repr(flow.get_state())
    again = arrival_of_replay(flow, ALICE)
    assert (again.way, again.host, again.port, again.scheme, again.listener) == (
        came.way, came.host, came.port, came.scheme, came.listener)  # fmt: skip
    assert again.target == "/openai/v1/x?a=1" and again.vouched == ALICE
    assert ("X-A", "1") in again.headers and not again.value("authorization")
    assert again.authorities == {"127.0.0.1:8080"}


def test_only_a_replayed_flow_has_a_replayed_user():
    flow, _ = replayable()
    assert replayed_user(flow) is None
    flow.is_replay = "request"
    assert replayed_user(flow) == "alice"
    flow.metadata.clear()
    assert replayed_user(flow) is None


def test_hide_knows_what_is_stripped():
    flow = flow_of("http://h/x", ("X-Auth-Email", T))
    hide(flow.request)
    assert T not in repr(flow.get_state())


def test_duplicates_survive_a_replay_and_are_hidden():
    flow, _ = replayable(("X-A", "1"), ("x-a", "2"), ("Cookie", T), ("cookie", T))
    assert T not in repr(flow.get_state())
    assert [value for name, value in arrival_of_replay(flow, ALICE).headers if name.lower() == "x-a"] == ["1", "2"]


def test_two_headers_of_subprotocols_are_both_hidden():
    pairs = [("Sec-WebSocket-Protocol", "realtime"), ("Sec-WebSocket-Protocol", f"v1, openai-insecure-api-key.{T}")]
    flow = flow_of("http://h/x", *pairs)
    hide(flow.request)
    assert flow.request.headers.get_all("sec-websocket-protocol") == ["realtime", "v1"]

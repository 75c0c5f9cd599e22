"""Which connections are passed on to a server of ours, and that it knows them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from mitmproxy import options
from mitmproxy.connection import ConnectionState, Server
from mitmproxy.proxy import context, layer, mode_specs
from mitmproxy.proxy.events import DataReceived
from mitmproxy.proxy.layers import TCPLayer, modes
from mitmproxy.test import tflow

from mitmvault.wire import dial, relay, switch

OURS = b"GET /ours HTTP/1.1\r\n"
PORT = 40001


@pytest.fixture(autouse=True)
def switched_on():
    switch.on()
    yield
    switch.off()


def fresh(data: bytes = OURS, mode: str = "regular"):
    """What mitmproxy asks about after the first bytes of a connection."""
    client = tflow.tclient_conn()
    client.sockname, client.proxy_mode = ("127.0.0.1", 8080), mode_specs.ProxyMode.parse(mode)
    made = context.Context(client, options.Options())
    modes.HttpProxy(made)
    asked = layer.NextLayer(made)
    asked.events.append(DataReceived(client, data))
    return asked


def offer(asked) -> bool:
    return relay.offer(asked, lambda data: data == OURS, PORT)


def test_a_fresh_connection_with_the_right_bytes():
    asked = fresh()
    assert offer(asked)
    assert isinstance(asked.layer, TCPLayer) and asked.layer.flow is None  # nothing is recorded
    assert asked.context.server.address == ("127.0.0.1", PORT)


def layered(asked):
    asked.context.layers.append(object())  # a CONNECT or TLS came before
    return asked


def decided(asked):
    asked.layer = SimpleNamespace()
    return asked


@pytest.mark.parametrize(
    "asked",
    [fresh(b"GET /other HTTP/1.1\r\n"), fresh(b""), fresh(mode="socks5"), fresh(mode="transparent"),
     layered(fresh()), decided(fresh())],
)  # fmt: skip
def test_no_others(asked):
    before = asked.layer
    assert not offer(asked)
    assert asked.layer is before and asked.context.server.address is None
    assert asked.context.server not in dial._relays


def test_not_while_switched_off():
    switch.off()
    assert not offer(fresh())


def test_the_server_knows_its_connections_by_their_source_port():
    asked = fresh()
    offer(asked)
    server = asked.context.server
    assert relay.listener_of(("127.0.0.1", 50001)) is None
    server.sockname, server.state = ("127.0.0.1", 50001), ConnectionState.OPEN
    assert relay.listener_of(("127.0.0.1", 50001)) == ("127.0.0.1", 8080)
    assert relay.listener_of(("127.0.0.1", 50002)) is None
    server.state = ConnectionState.CAN_READ  # the client has said all it has to say
    assert relay.listener_of(("127.0.0.1", 50001))
    server.state = ConnectionState.CLOSED  # its port may be somebody else's now
    assert relay.listener_of(("127.0.0.1", 50001)) is None


def test_a_connection_that_was_not_passed_on_is_unknown():
    stranger = Server(address=("127.0.0.1", PORT))
    stranger.sockname, stranger.state = ("127.0.0.1", 50009), ConnectionState.OPEN
    assert relay.listener_of(("127.0.0.1", 50009)) is None

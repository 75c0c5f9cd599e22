"""What this process connects to: permits' destinations, approved tunnels at the judged address, nothing else."""

from __future__ import annotations

import asyncio
import socket

import pytest
from mitmproxy.addons import proxyserver
from mitmproxy.connection import Client, Server
from mitmproxy.proxy import mode_specs
from mitmproxy.test import taddons, tflow

from mitmvault.wire import dial, switch
from tests.worlds import world

CLIENT = tflow.tclient_conn()
CLIENT.sockname = ("127.0.0.1", 8080)


@pytest.fixture(autouse=True)
def switched_on(monkeypatch):
    monkeypatch.setattr(dial, "_permitted", set())
    switch.on()
    yield
    switch.off()


NAMES = {
    "public.example": ["93.184.216.34"],
    "private.example": ["10.20.1.1"],
    "loop.example": ["127.0.0.1", "::1"],
    "mixed.example": ["127.0.0.1", "fe80::1%lo", "::ffff:169.254.169.254", "2606:4700::1111", "93.184.216.34"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nothing.example": [],
}


def judge(server: Server, client: Client = CLIENT) -> str | None:
    async def main():
        loop = asyncio.get_running_loop()

        async def getaddrinfo(host, port, **_):
            if host not in NAMES:
                raise socket.gaierror("no such name")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in NAMES[host]]

        loop.getaddrinfo = getaddrinfo
        return await dial.judge(client, server)

    return asyncio.run(main())


def test_a_permitted_destination():
    dial.permit("api.groq.com", 443)
    server = Server(address=("api.groq.com", 443))
    assert judge(server) is None and server.address == ("api.groq.com", 443)


@pytest.mark.parametrize("address", [("api.groq.com", 443), ("api.openai.com", 80), ("10.0.0.1", 443), None])
def test_anything_else(address):
    dial.permit("api.openai.com", 443)
    assert judge(Server(address=address))


def test_switched_off():
    dial.permit("api.groq.com", 443)
    switch.off()
    assert judge(Server(address=("api.groq.com", 443)))
    server = Server(address=("public.example", 443))
    dial.approve_tunnel(server, world())
    assert judge(server) and server.address == ("public.example", 443)


@pytest.mark.parametrize(
    ("host", "settings", "address"),
    [
        ("public.example", "", "93.184.216.34"),
        ("mixed.example", "", "2606:4700::1111"),
        ("private.example", "", None),
        ("private.example", "allow_networks: [10.20.0.0/16]", "10.20.1.1"),
        ("loop.example", "", None),
        ("mapped.example", "", None),
        ("nothing.example", "", None),
        ("unknown.example", "", None),
    ],
)
def test_a_tunnel_goes_to_the_address_that_was_judged(host, settings, address):
    server = Server(address=(host, 443))
    dial.approve_tunnel(server, world(configured=settings))
    refused = judge(server)
    assert (refused is None) is (address is not None)
    assert server.address == (address or host, 443)


@pytest.mark.parametrize(("port", "open_"), [(8080, False), (8081, False), (5000, True)])
def test_own_ports_stay_closed_in_an_allowed_network(port, open_):
    for host in ("loop.example", "mapped.example"):
        server = Server(address=(host, port))
        dial.approve_tunnel(server, world(configured="allow_networks: [127.0.0.0/8]", own_ports=frozenset({8081})))
        assert (judge(server) is None) is open_


@pytest.mark.parametrize(
    ("mode", "destination", "open_"),
    [
        ("transparent@0.0.0.0:8443", ("93.184.216.34", 443), True),
        ("transparent@0.0.0.0:8443", ("93.184.216.34", 8443), False),  # came unredirected to our own public address
        ("transparent@127.0.0.1:8443", ("127.0.0.1", 8443), False),
        ("transparent@127.0.0.1:8443", ("127.0.0.1", 8080), False),
        ("transparent@127.0.0.1:8443", ("127.0.0.1", 443), True),
        ("wireguard", ("93.184.216.34", 443), True),
        ("wireguard", ("127.0.0.1", 8080), False),
        ("local", ("93.184.216.34", 443), True),
    ],
)
def test_redirected_traffic_goes_on_to_its_destination_and_never_to_us(monkeypatch, mode, destination, open_):
    """Of redirected traffic mitmproxy calls the original destination `sockname`."""
    client, server = tflow.tclient_conn(), Server(address=destination)
    client.proxy_mode, client.sockname = mode_specs.ProxyMode.parse(mode), destination
    monkeypatch.setitem(NAMES, destination[0], [destination[0]])
    allowed = "allow_networks: [127.0.0.0/8]"
    dial.approve_tunnel(server, world(configured=allowed, own_ports=frozenset({8080})))
    with taddons.context(proxyserver.Proxyserver()):
        assert (judge(server, client) is None) is open_


@pytest.mark.parametrize(
    ("mode", "protocol", "port", "open_"),
    [
        ("local:curl", "udp", 53, True),
        ("local:curl", "tcp", 53, False),
        ("local:curl", "udp", 443, False),
        ("wireguard", "udp", 53, False),
        ("transparent", "udp", 53, False),
        ("regular", "udp", 53, False),
    ],
)
def test_names_are_looked_up_where_a_program_of_this_machine_asked(mode, protocol, port, open_):
    client, server = tflow.tclient_conn(), Server(address=("127.0.0.53", port), transport_protocol=protocol)
    client.proxy_mode = mode_specs.ProxyMode.parse(mode)
    assert (judge(server, client) is None) is open_
    assert server.address == ("127.0.0.53", port)
    switch.off()
    assert judge(server, client)


def test_a_permit_does_not_open_a_tunnel_and_a_tunnel_no_permit():
    dial.permit("private.example", 443)
    tunnelled = Server(address=("private.example", 443))
    dial.approve_tunnel(tunnelled, world())
    assert judge(tunnelled)
    assert judge(Server(address=("public.example", 443)))


def test_a_relay_is_one_connection_to_one_port_of_ours():
    relayed = Server(address=("127.0.0.1", 40001))
    dial.approve_relay(relayed)
    assert judge(relayed) is None
    assert judge(Server(address=("127.0.0.1", 40001)))  # the port is nobody else's
    relayed.address = ("127.0.0.1", 40002)
    assert judge(relayed)
    relayed.address = ("127.0.0.1", 40001)
    switch.off()
    assert judge(relayed)

"""What this process connects to: permits' destinations, approved tunnels at the judged address, nothing else."""

from __future__ import annotations

import asyncio
import socket

import pytest
from mitmproxy.connection import Server
from mitmproxy.test import tflow

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


def judge(server: Server) -> str | None:
    async def main():
        loop = asyncio.get_running_loop()

        async def getaddrinfo(host, port, **_):
            if host not in NAMES:
                raise socket.gaierror("no such name")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in NAMES[host]]

        loop.getaddrinfo = getaddrinfo
        return await dial.judge(CLIENT, server)

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

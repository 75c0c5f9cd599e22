"""CONNECT and the client hello: decrypt providers, leave the rest unread, remember who opened what."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from mitmproxy import http
from mitmproxy.connection import Server
from mitmproxy.proxy import mode_specs
from mitmproxy.test import tflow

from mitmvault.addons.tunnels import Tunnels
from mitmvault.wire import dial
from tests.worlds import TOKENS, USERS, world


class Held:
    """Stands in for the keeper."""

    def __init__(self, current) -> None:
        self.current = current

    async def world(self):
        return self.current


def connect_flow(host: str, port: int = 443, *headers: tuple[bytes, bytes]):
    request = http.Request(host, port, b"CONNECT", b"", f"{host}:{port}".encode(), b"", b"HTTP/1.1",
    http.Headers(headers),
                           b"", None, 0.0, 0.0)  # fmt: skip
    flow = tflow.tflow(req=request)
    flow.client_conn.proxy_mode = mode_specs.ProxyMode.parse("regular")
    flow.client_conn.sockname = ("127.0.0.1", 8080)
    return flow


@pytest.fixture
def resolved(monkeypatch):
    """Names resolve to what the test says; to a public address otherwise."""
    seen = []

    async def resolve_open(host, port, made, client):
        seen.append((host, port))
        if host.startswith("private"):
            raise PermissionError(f"{host} is on this machine or in a private network")
        if host.startswith("nowhere"):
            raise OSError("no such name")
        return "93.184.216.34"

    monkeypatch.setattr(dial, "resolve_open", resolve_open)
    return seen


def connected(host: str, *headers, made=None, port: int = 443):
    tunnels = Tunnels(Held(made or world()))
    flow = connect_flow(host, port, *headers)
    asyncio.run(tunnels.http_connect(flow))
    return tunnels, flow


PROXY_AUTH = (b"Proxy-Authorization", b"Bearer " + TOKENS["alice"].encode())


@pytest.mark.parametrize(
    ("host", "headers", "reason", "looked_up"),
    [
        ("api.openai.com", [], None, False),
        ("example.com", [], None, True),
        ("example.com", [PROXY_AUTH], None, True),
        ("private.example", [], "destination_refused", True),
        ("nowhere.example", [], "upstream_unreachable", True),
        ("127.0.0.1", [], "destination_refused", False),
        ("api.openai.com", [(b"Proxy-Authorization", b"Bearer nobody")], "unknown_token", False),
    ],
)
def test_connect(resolved, host, headers, reason, looked_up):
    tunnels, flow = connected(host, *headers)
    assert (flow.response.headers["x-mitmvault-reason"] if flow.response else None) == reason
    assert tunnels.has(flow.client_conn) is (reason is None)
    assert bool(resolved) is looked_up
    assert TOKENS["alice"] not in repr(flow.get_state())


def test_before_there_is_a_world():
    tunnels = Tunnels(Held(None))
    flow = connect_flow("api.openai.com")
    asyncio.run(tunnels.http_connect(flow))
    assert flow.response.headers["x-mitmvault-reason"] == "not_ready"


def test_the_owner_until_the_token_is_revoked():
    made = world()
    tunnels, flow = connected("api.openai.com", PROXY_AUTH, made=made)
    assert tunnels.owner(flow.client_conn, made).name == "alice"
    assert tunnels.owner(flow.client_conn, world(people={"bob": USERS["bob"]})) is None
    assert tunnels.owner(connect_flow("x").client_conn, made) is None


def test_a_tunnel_without_credentials_has_no_owner():
    made = world()
    tunnels, flow = connected("api.openai.com", made=made)
    assert tunnels.has(flow.client_conn) and tunnels.owner(flow.client_conn, made) is None


def hello(client, sni):
    return SimpleNamespace(
        context=SimpleNamespace(client=client, server=Server(address=("198.51.100.1", 443))),
        client_hello=SimpleNamespace(sni=sni),
        ignore_connection=False,
    )


@pytest.mark.parametrize(("host", "unread"), [("api.openai.com", False), ("example.com", True)])
def test_the_client_hello_inside_a_tunnel(resolved, host, unread):
    tunnels, flow = connected(host)
    data = hello(flow.client_conn, "api.openai.com")
    tunnels.tls_clienthello(data)
    assert data.ignore_connection is unread
    assert (data.context.server in dial._tunnels) is unread


@pytest.mark.parametrize(
    ("mode", "sni", "settings", "unread", "approved"),
    [
        ("regular", None, "", False, False),  # TLS to our own listener
        ("regular", "localhost", "", False, False),
        ("regular", "example.com", "", True, False),  # no certificate of ours for names of others
        ("regular", "api.openai.com", "", True, False),
        ("transparent", "api.openai.com", "", False, False),
        ("transparent", "API.openai.com.", "", False, False),
        ("transparent", "example.com", "", True, True),
        ("transparent", None, "", True, True),
        ("transparent", "example.com", "unmatched: refuse", True, False),
    ],
)
def test_the_client_hello_without_a_tunnel(mode, sni, settings, unread, approved):
    tunnels = Tunnels(Held(world(configured=settings)))
    client = connect_flow("x").client_conn
    client.proxy_mode = mode_specs.ProxyMode.parse(mode)
    data = hello(client, sni)
    tunnels.tls_clienthello(data)
    assert (data.ignore_connection, data.context.server in dial._tunnels) == (unread, approved)


def test_a_failure_leaves_the_connection_to_be_decrypted_and_refused(caplog):
    data = SimpleNamespace(context=None, ignore_connection=False)
    Tunnels(Held(world())).tls_clienthello(data)
    assert data.ignore_connection is False and "tls_clienthello failed" in caplog.text


@pytest.mark.parametrize(("loopback", "approved"), [(True, True), (False, False)])
def test_socks_on_an_open_bind_is_cut(loopback, approved):
    tunnels = Tunnels(Held(world(configured="unmatched: tunnel", loopback_bind=loopback)))
    client = connect_flow("x").client_conn
    client.proxy_mode = mode_specs.ProxyMode.parse("socks5")
    data = hello(client, "example.com")
    tunnels.tls_clienthello(data)
    assert (data.ignore_connection, data.context.server in dial._tunnels) == (True, approved)


def test_the_hosts_that_a_redirected_client_names_are_not_dialled_before_there_is_a_world():
    client = connect_flow("x").client_conn
    client.proxy_mode = mode_specs.ProxyMode.parse("transparent")
    data = hello(client, "api.openai.com")
    Tunnels(Held(None)).tls_clienthello(data)
    assert data.ignore_connection is True and data.context.server not in dial._tunnels

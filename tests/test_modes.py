"""How mitmproxy was told to listen."""

from __future__ import annotations

import pytest
from mitmproxy.addons import proxyserver
from mitmproxy.proxy import mode_specs
from mitmproxy.test import taddons, tflow

from mitmvault.wire import modes


@pytest.mark.parametrize(
    ("mode", "regular"),
    [("regular", True), ("regular@9090", True), ("transparent", False), ("socks5", False), ("wireguard", False)],
)
def test_is_regular(mode, regular):
    client = tflow.tclient_conn()
    client.proxy_mode = mode_specs.ProxyMode.parse(mode)
    assert modes.is_regular(client) is regular


@pytest.mark.parametrize(
    ("specs", "bad"),
    [
        (["regular"], []),
        (["regular@127.0.0.1:0", "socks5", "transparent", "wireguard"], []),
        (["reverse:https://api.openai.com"], ["reverse:https://api.openai.com"]),
        (["regular", "upstream:http://proxy.example"], ["upstream:http://proxy.example"]),
        (["dns"], ["dns"]),
        ([], []),
    ],
)
def test_unserved(specs, bad):
    assert modes.unserved(specs) == bad


@pytest.mark.parametrize(
    ("specs", "port", "expected"),
    [
        (["regular"], None, ["regular@127.0.0.1:8080"]),
        (["regular"], 9090, ["regular@127.0.0.1:9090"]),
        (["regular@9091"], 9090, ["regular@127.0.0.1:9091"]),
        (["regular@0.0.0.0:9091"], None, ["regular@0.0.0.0:9091"]),
        (["regular@::1:9091"], None, ["regular@::1:9091"]),
        (["socks5"], None, ["socks5@127.0.0.1:1080"]),
        (["transparent", "wireguard"], None, ["transparent", "wireguard"]),
    ],
)
def test_on_loopback(specs, port, expected):
    assert modes.on_loopback(specs, port) == expected
    assert modes.on_loopback(expected, port) == expected


@pytest.mark.parametrize(
    ("specs", "host", "hosts"),
    [
        (["regular"], "", [""]),
        (["regular"], "10.0.0.1", ["10.0.0.1"]),
        (["regular@127.0.0.1:1"], "10.0.0.1", ["127.0.0.1"]),
        (["regular@127.0.0.1:1", "socks5@0.0.0.0:2"], "", ["127.0.0.1", "0.0.0.0"]),
        (["wireguard"], "", []),
    ],
)
def test_listen_hosts(specs, host, hosts):
    assert modes.listen_hosts(specs, host) == hosts


@pytest.mark.parametrize(
    ("mode", "sockname", "expected"),
    [
        ("regular", ("127.0.0.1", 8080), ("127.0.0.1", 8080)),
        ("socks5@9000", ("::1", 9000, 0, 0), ("::1", 9000)),
        ("regular", None, ("", 0)),
        ("transparent@127.0.0.1:8443", ("203.0.113.7", 443), ("203.0.113.7", 8443)),  # the original destination
        ("transparent", ("203.0.113.7", 443), ("203.0.113.7", 8080)),
        ("wireguard", ("203.0.113.7", 443), ("", 0)),
        ("local", ("203.0.113.7", 443), ("", 0)),
    ],
)
def test_listener(mode, sockname, expected):
    client = tflow.tclient_conn()
    client.proxy_mode, client.sockname = mode_specs.ProxyMode.parse(mode), sockname
    with taddons.context(proxyserver.Proxyserver()):
        assert modes.listener(client) == expected


@pytest.mark.parametrize(
    ("spec", "host", "expected", "address"),
    [
        ("transparent", "127.0.0.1", "transparent@127.0.0.1:8443", ("127.0.0.1", 8443)),
        ("Transparent", "0.0.0.0", "transparent@0.0.0.0:8443", ("0.0.0.0", 8443)),
        ("transparent@9443", "127.0.0.1", "transparent@127.0.0.1:9443", ("127.0.0.1", 9443)),
        ("transparent@[::1]:8443", "127.0.0.1", "transparent@::1:8443", ("::1", 8443)),
        ("transparent@10.0.0.1:8443", "127.0.0.1", "transparent@10.0.0.1:8443", ("10.0.0.1", 8443)),
        ("socks5", "::1", "socks5@::1:1080", ("::1", 1080)),
        ("local:curl,!wget", "127.0.0.1", "local:curl,!wget", None),
        ("wireguard", "127.0.0.1", "wireguard", None),
        ("wireguard@51821", "127.0.0.1", "wireguard@51821", None),
    ],
)
def test_beside_the_listener(spec, host, expected, address):
    assert modes.beside(spec, host) == expected
    assert modes.address(expected) == address
    assert mode_specs.ProxyMode.parse(expected).type_name in modes.SERVED


@pytest.mark.parametrize(
    "spec", ["regular", "reverse:https://api.openai.com", "upstream:http://x", "dns", "bogus", "", "transparent@x",
             "transparent@70000", "transparent:x"]
)  # fmt: skip
def test_what_cannot_be_beside_it(spec):
    with pytest.raises(ValueError):
        modes.beside(spec, "127.0.0.1")


@pytest.mark.parametrize("spec", ["wireguard@0.0.0.0:51820", "transparent", "local"])
def test_no_address(spec):
    assert modes.address(spec) is None


def test_listen_ports():
    specs = ["regular@127.0.0.1:0", "regular@127.0.0.1:8080", "transparent@8443", "socks5", "wireguard", "local"]
    assert modes.listen_ports(specs, None) == [8080, 8443, 1080]
    assert modes.listen_ports(["regular", "transparent@::1:8443"], 9090) == [9090, 8443]

"""How mitmproxy was told to listen."""

from __future__ import annotations

import pytest
from mitmproxy.proxy import mode_specs
from mitmproxy.test import tflow

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

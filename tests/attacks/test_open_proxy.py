"""P5: no relay. Without a valid token nothing is looked up, dialled or sent; what is no TLS is tunnelled nowhere."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest

from tests.attacks.conftest import Attacked
from tests.attacks.tools import (
    CHAT_TARGET,
    DECOY,
    H2,
    OPENAI,
    Evil,
    answer,
    assert_unreached,
    head,
    post,
    refused,
    resolver,
)  # fmt: skip
from tests.client import CHAT, over_tls, raw, send, tunnel
from tests.provider import FakeProvider
from tests.proxy import TOKEN, RunningProxy

pytestmark = pytest.mark.e2e
V1 = "/v1/chat/completions"
NAMES = {"evil.example": ["127.0.0.3"]}
ALLOW = "allow_networks: [127.0.0.3/32]\n"  # so that a tunnel to the attacker's host would really get there


class TestByDefault(Attacked):
    @pytest.mark.parametrize(
        "token", [None, DECOY, "", "sk-1234567890", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\xff" * 20]
    )
    @pytest.mark.parametrize("way", ["base URL", "tunnel", "http2", "absolute", "x-host-final"])
    def test_provider_without_a_token(
        self, proxy: RunningProxy, provider: FakeProvider, way: str, token: str | None
    ) -> None:
        before = provider.connections
        own = f"127.0.0.1:{proxy.port}"
        credential = [] if token is None else [b"Authorization: Bearer " + token.encode("latin-1")]
        with resolver(proxy) as asked:
            if way == "http2":
                with H2(proxy) as h2_client:
                    fields = [] if token is None else [("authorization", credential[0].partition(b": ")[2])]
                    reply = h2_client.request(*fields, replaced=("authorization",))
                assert reply.status in ((401,) if token is None else (403, 0))
            else:
                client = (
                    over_tls(tunnel(proxy, f"{OPENAI}:443"), proxy.tls(), OPENAI) if way == "tunnel" else raw(proxy)
                )
                target = {"base URL": CHAT_TARGET, "absolute": f"http://{OPENAI}{V1}"}.get(way, V1)
                extra = [f"X-Host-Final: {OPENAI}"] if way == "x-host-final" else []
                host = own if way in ("base URL", "x-host-final") else OPENAI
                with client:
                    reply = answer(client.send(post(*credential, *extra, target=target, host=host, token=None)))
                refused(reply, *((403, "unknown_token") if token else (401, "missing_token")))
        assert asked == []
        assert_unreached(provider, before)

    def test_wrong_proxy_credentials(self, proxy: RunningProxy) -> None:
        with resolver(proxy) as asked:
            for value in (f"Bearer {DECOY}", "Basic !!!", "Basic " + base64.b64encode(b"x:wrong").decode(), "Basic"):
                for host in (OPENAI, "evil.example"):
                    with tunnel(proxy, f"{host}:443", f"Proxy-Authorization: {value}\r\n") as client:
                        assert b" 403 " in client.received.partition(b"\r\n")[0], value
                        assert b"unknown_token" in client.received
        assert asked == []

    @pytest.mark.parametrize(
        "target", ["http://evil.example/", "http://evil.example:25/", "https://evil.example/", "ftp://evil.example/"]
    )
    def test_plain_requests_to_others(self, proxy: RunningProxy, evil: Evil, target: str) -> None:
        authority = target.split("/")[2]
        with resolver(proxy, NAMES) as asked, raw(proxy) as client:
            reply = answer(client.send(head(f"GET {target} HTTP/1.1", host=authority)), "GET")
        assert reply.status in (400, 403, 421)
        refused(reply, reply.status, reply.reason)
        assert (asked, evil.connections) == ([], 0)


class TestInsideABlindTunnel(Attacked):
    """On loopback, hosts that are no provider are tunnelled; but only what begins as TLS."""

    names = NAMES
    settings = ALLOW

    def test_tls_gets_through(self, proxy: RunningProxy, evil: Evil) -> None:
        opened = tunnel(proxy, f"evil.example:{evil.port}")
        with pytest.raises(OSError, match=r"(?i)ssl"), over_tls(opened, proxy.tls(), "evil.example"):
            pass
        assert evil.received.startswith(b"\x16\x03")

    @pytest.mark.parametrize(
        "data",
        [b"\0\x1d\xab\xcd\1\0\0\1\0\0\0\0\0\0\3www\7example\3com\0\0\1\0\1", b"EHLO x\r\nMAIL FROM:<a@b>\r\n\r\n",
         b"SSH-2.0-OpenSSH_9\r\n\r\n", b"\0\1\2\3\4\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n",
         b"\x16\x03\x01\0\5\1\0\0\1\0\r\n\r\n",
         b"\x16\x03\x01\xff\xff" + b"A" * 70000, b"\x80\x2e\1\0\2\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
         b"\r\n\r\n"],
    )  # fmt: skip
    def test_nothing_else_does(self, proxy: RunningProxy, evil: Evil, data: bytes) -> None:
        with tunnel(proxy, f"evil.example:{evil.port}") as client:
            assert b" 200 " in client.received
            client.sock.settimeout(0.2)  # what is incomplete is waited for, and goes nowhere meanwhile
            with suppress(OSError):
                client.send(data).to_end()
        assert evil.connections == 0

    @pytest.mark.parametrize("port", [25, 53, 22, 5353])
    def test_ports_of_other_protocols(self, proxy: RunningProxy, evil: Evil, port: int) -> None:
        with tunnel(proxy, f"evil.example:{port}") as client:
            client.sock.settimeout(0.2)
            with suppress(OSError):
                client.send(b"\0\x1d\xab\xcd\1\0\0\1\0\0\0\0\0\0\3www\7example\3com\0\0\1\0\1").to_end()
        assert evil.connections == 0
        assert not [line for line in proxy.recorder.handler.lines if f"server connect 127.0.0.3:{port}" in line]


class TestUnmatchedRefused(Attacked):
    names = NAMES
    settings = ALLOW + "unmatched: refuse\n"

    @pytest.mark.parametrize("credentials", ["", f"Proxy-Authorization: Bearer {TOKEN}\r\n"])
    def test_no_tunnel(self, proxy: RunningProxy, evil: Evil, credentials: str) -> None:
        with tunnel(proxy, f"evil.example:{evil.port}", credentials) as client:
            assert b"destination_refused" in client.received
        assert evil.connections == 0

    def test_providers_work(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        assert send(proxy, V1, CHAT, via=OPENAI).status == 200


class TestOpenBind(Attacked):
    """Listening on every interface, tunnels are refused unless the operator wants them."""

    names = NAMES
    settings = ALLOW
    mode = "regular@0.0.0.0:0"

    @pytest.mark.parametrize("credentials", ["", f"Proxy-Authorization: Bearer {TOKEN}\r\n"])
    def test_no_tunnel(self, proxy: RunningProxy, evil: Evil, credentials: str) -> None:
        with tunnel(proxy, f"evil.example:{evil.port}", credentials) as client:
            assert b"destination_refused" in client.received
        assert evil.connections == 0


class TestOpenBindWithTunnels(Attacked):
    """... and then for users only."""

    names = NAMES
    mode = "regular@0.0.0.0:0"
    settings = ALLOW + "unmatched: tunnel\n"

    @pytest.mark.parametrize(
        ("credentials", "status"),
        [
            ("", b"407"),
            (f"Authorization: Bearer {TOKEN}\r\n", b"407"),
            (f"Proxy-Authorization: Bearer {DECOY}\r\n", b"403"),
        ],
    )
    def test_for_nobody(self, proxy: RunningProxy, evil: Evil, credentials: str, status: bytes) -> None:
        with tunnel(proxy, f"evil.example:{evil.port}", credentials) as client:
            assert client.received.split()[1] == status
        assert evil.connections == 0

    def test_for_users(self, proxy: RunningProxy, evil: Evil) -> None:
        opened = tunnel(proxy, f"evil.example:{evil.port}", f"Proxy-Authorization: Bearer {TOKEN}\r\n")
        with pytest.raises(OSError, match=r"(?i)ssl"), over_tls(opened, proxy.tls(), "evil.example"):
            pass
        assert evil.received.startswith(b"\x16\x03")


class TestOpenSocks(Attacked):
    """SOCKS has no user of ours: on an open bind it must be no way around the proxy credentials."""

    names = NAMES
    mode = "socks5@0.0.0.0:0"
    settings = ALLOW + "unmatched: tunnel\n"

    def test_for_nobody(self, proxy: RunningProxy, evil: Evil) -> None:
        with raw(proxy) as client:
            client.send(b"\5\1\0").until(b"\5\0")
            client.send(b"\5\1\0\3\x0cevil.example" + evil.port.to_bytes(2, "big")).until(b"\5\0\0")
            client.sock.settimeout(1)
            with suppress(OSError):
                with over_tls(client, proxy.tls(), "evil.example"):
                    pass
        assert evil.connections == 0

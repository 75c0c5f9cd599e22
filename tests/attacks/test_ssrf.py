"""P4: this machine, private networks and metadata are no destinations; the address that is dialled is judged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mitmproxy import ctx

from tests.attacks.conftest import Attacked
from tests.attacks.tools import Evil, answer, assert_unreached, head, refused, resolver
from tests.client import over_tls, raw, tunnel
from tests.provider import FakeProvider
from tests.proxy import RunningProxy

pytestmark = pytest.mark.e2e
REFUSED = b"x-mitmvault-reason: destination_refused"
MAPPED = ["[::ffff:127.0.0.1]", "mapped.example"]
CLOSED = [
    "127.0.0.1", "127.1", "127.0.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1",
    "127.255.255.254",
    "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]", "[::]", "0.0.0.0", "0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254", "0xa9fea9fe", "2852039166", "[::ffff:169.254.169.254]", "[fe80::1]", "[fe80::1%25eth0]",
    "[fc00::1]",
    "[fd00:ec2::254]", "224.0.0.1", "255.255.255.255", "198.18.0.1", "localhost", "LOCALHOST", "localhost.",
    "x.localhost",
    "metadata.google.internal", "metadata", "instance-data", "foo.internal", "printer.local",
]  # fmt: skip


class TestByDefault(Attacked):
    @pytest.fixture(autouse=True)
    def nothing_is_asked(self, proxy: RunningProxy, evil: Evil) -> Iterator[list[str]]:
        with resolver(proxy) as asked:
            yield asked
        assert evil.connections == 0

    @pytest.mark.parametrize("host", CLOSED)
    def test_connect(self, proxy: RunningProxy, evil: Evil, nothing_is_asked: list[str], host: str) -> None:
        for port in (443, 80, evil.port):
            with tunnel(proxy, f"{host}:{port}") as client:
                line = client.received.partition(b"\r\n")[0]
                assert REFUSED in client.received or b" 400 " in line, client.received
                assert b"x-mitmvault-reason" in client.received
        assert nothing_is_asked == []

    @pytest.mark.parametrize("host", CLOSED)
    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_absolute_form(
        self, proxy: RunningProxy, provider: FakeProvider, nothing_is_asked: list[str], scheme: str, host: str
    ) -> None:
        before = provider.connections
        authority = f"{host}:{provider.port}"
        with raw(proxy) as client:
            reply = answer(client.send(head(f"GET {scheme}://{authority}/v1/models HTTP/1.1", host=authority)), "GET")
        assert reply.status in (400, 403, 421)
        refused(reply, reply.status, reply.reason)
        assert_unreached(provider, before)
        assert nothing_is_asked == []

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "127.1", "[::ffff:127.0.0.1]"])
    @pytest.mark.parametrize("port", ["listener", "demo"])
    def test_our_own_ports(self, proxy: RunningProxy, host: str, port: str) -> None:
        demo = int(proxy.addon("keeper").embedded["demo"].rpartition(":")[2])
        with tunnel(proxy, f"{host}:{proxy.port if port == 'listener' else demo}") as client:
            assert REFUSED in client.received or b" 400 " in client.received
        with raw(proxy) as client:
            own = f"{host}:{demo}"
            assert answer(client.send(head(f"GET http://{own}/v1/models HTTP/1.1", host=own)), "GET").status in (
                400,
                403,
                421,
            )

    @pytest.mark.parametrize(
        "address", ["127.0.0.3", "10.1.2.3", "169.254.169.254", "::1", "::ffff:127.0.0.3", "64:ff9b::7f00:3", "fd00::1"]
    )
    def test_names_that_lead_inside(
        self, proxy: RunningProxy, evil: Evil, nothing_is_asked: list[str], address: str
    ) -> None:
        with (
            resolver(proxy, {"rebind.example": [address]}) as asked,
            tunnel(proxy, f"rebind.example:{evil.port}") as client,
        ):
            assert REFUSED in client.received
        assert asked == ["rebind.example"]

    def test_rebinding(self, proxy: RunningProxy, evil: Evil) -> None:
        """Public when the CONNECT is judged, ours when it is dialled: the dialled address is judged."""
        with resolver(proxy, {"rebind.example": ["93.184.216.34", "127.0.0.3"]}) as asked:
            opened = tunnel(proxy, f"rebind.example:{evil.port}")
            assert b" 200 " in opened.received
            with pytest.raises(OSError, match=r"(?i)eof|reset|ssl"), over_tls(opened, proxy.tls(), "rebind.example"):
                pass
        assert asked == ["rebind.example"] * 2
        assert evil.received == b""

    @pytest.mark.parametrize(
        "name", ["fullwidth ｌｏｃａｌｈｏｓｔ", "digits １２７.0.0.1", "dots 127。0。0。1", "circled ⓛocalhost"]
    )
    def test_unicode(self, proxy: RunningProxy, evil: Evil, name: str) -> None:
        with tunnel(proxy, f"{name.split()[1]}:{evil.port}") as client:
            assert client.received.split()[1] in (b"400", b"403", b"502")

    def test_permitted_destinations_are_none_for_clients(
        self, proxy: RunningProxy, provider: FakeProvider, wire: Evil
    ) -> None:
        """What a permit has led to stays closed to clients who name it themselves."""
        with raw(proxy) as client:
            own = f"127.0.0.1:{proxy.port}"
            assert answer(client.send(head("GET /mistral/v1/models HTTP/1.1", host=own)), "GET").status == 200
        wire.clear()
        there = f"{wire.address}:{wire.port}"
        with tunnel(proxy, there) as client:
            assert REFUSED in client.received
        with raw(proxy) as client:
            refused(
                answer(client.send(head(f"GET http://{there}/ HTTP/1.1", host=there)), "GET"),
                403,
                "destination_refused",
            )
        assert wire.connections == 0
        assert ctx.options.connection_strategy == "lazy"


class TestAllowNetworks(Attacked):
    """An operator opens a network: exactly that one."""

    settings = "allow_networks: [127.0.0.3/32, 127.0.0.1/32]\n"

    def test_opens_it(self, proxy: RunningProxy, evil: Evil) -> None:
        with resolver(proxy, {"inside.example": ["127.0.0.3"]}):
            for host in ("inside.example", "127.0.0.3"):
                opened = tunnel(proxy, f"{host}:{evil.port}")
                assert b" 200 " in opened.received
                with pytest.raises(OSError, match=r"(?i)ssl"), over_tls(opened, proxy.tls(), "inside.example"):
                    pass  # the host speaks no TLS, but the ClientHello reached it
        assert evil.connections == 2
        assert evil.received.startswith(b"\x16\x03")

    @pytest.mark.parametrize("host", ["127.0.0.4", "127.0.0.2", "10.0.0.1", "[::1]", "169.254.169.254", "localhost"])
    def test_nothing_else(self, proxy: RunningProxy, evil: Evil, host: str) -> None:
        with tunnel(proxy, f"{host}:{evil.port}") as client:
            assert REFUSED in client.received

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "rebind.example", *MAPPED])
    def test_our_own_ports_stay_closed(self, proxy: RunningProxy, host: str) -> None:
        demo = int(proxy.addon("keeper").embedded["demo"].rpartition(":")[2])
        names = {"rebind.example": ["127.0.0.1"], "mapped.example": ["::ffff:127.0.0.1"]}
        with resolver(proxy, names):
            for port in (proxy.port, demo):
                with tunnel(proxy, f"{host}:{port}") as client:
                    assert REFUSED in client.received, client.received

    def test_only_tls_goes_there(self, proxy: RunningProxy, evil: Evil) -> None:
        with tunnel(proxy, f"127.0.0.3:{evil.port}") as client:
            reply = answer(client.send(head("GET /latest/meta-data HTTP/1.1", host=f"127.0.0.3:{evil.port}")), "GET")
        refused(reply, 403, "destination_refused")
        assert evil.connections == 0

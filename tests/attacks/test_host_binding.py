"""P17: the base-URL listener answers to its own names alone, so that a web page cannot rebind its way in."""

from __future__ import annotations

import pytest

from tests.attacks.conftest import Attacked
from tests.attacks.tools import answer, assert_unreached, head, post, refused
from tests.client import over_tls, raw
from tests.provider import FakeProvider
from tests.proxy import RunningProxy

pytestmark = pytest.mark.e2e


class TestNames(Attacked):
    settings = "names: [proxy.corp.example, 'other.example:8080']\n"

    @pytest.mark.parametrize(
        "host",
        ["rebind.evil.example:{port}", "127.0.0.1.nip.io:{port}", "localhost.evil.example:{port}", "127.0.0.1:1",
         "127.0.0.1",
         "localhost", "evil.example", "10.0.0.1:{port}", "169.254.169.254:{port}", "other.example:8081",
         "other.example",
         "x.proxy.corp.example:{port}", "[::2]:{port}", "93.184.216.34:{port}"],
    )  # fmt: skip
    @pytest.mark.parametrize("page", ["chat", "/health", "/"])
    def test_foreign_names(self, proxy: RunningProxy, provider: FakeProvider, host: str, page: str) -> None:
        """Not even our own pages are shown."""
        host = host.format(port=proxy.port)
        with raw(proxy) as client:
            request = post(host=host) if page == "chat" else head(f"GET {page} HTTP/1.1", host=host, token=None)
            refused(answer(client.send(request)), 403, "destination_refused")
        assert_unreached(provider)

    @pytest.mark.parametrize(
        "host",
        ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "localhost.:{port}", "app.localhost:{port}",
         "[::1]:{port}",
         "proxy.corp.example", "PROXY.corp.example:9", "proxy.corp.example:{port}", "other.example:8080"],
    )  # fmt: skip
    def test_own_names(self, proxy: RunningProxy, provider: FakeProvider, host: str) -> None:
        with raw(proxy) as client:
            assert answer(client.send(post(host=host.format(port=proxy.port)))).status == 200
            assert (
                answer(client.send(head("GET /health HTTP/1.1", host=host.format(port=proxy.port), token=None))).status
                == 200
            )
        assert len(provider.arrivals) == 1

    @pytest.mark.parametrize("host", ["", "a b", "a/b", "a@b", "[::1", "a:b", "a:70000", "\xff", "{"])
    def test_no_names(self, proxy: RunningProxy, provider: FakeProvider, host: str) -> None:
        with raw(proxy) as client:
            reply = answer(
                client.send(head(b"GET /openai/v1/models HTTP/1.1", b"Host: " + host.encode("latin-1"))), "GET"
            )
        assert reply.status in (400, 403, 421)
        refused(reply, reply.status, reply.reason)
        assert_unreached(provider)

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example"])
    def test_cross_site_origin(self, proxy: RunningProxy, provider: FakeProvider, origin: str) -> None:
        with raw(proxy) as client:
            request = post(f"Origin: {origin}", "Sec-Fetch-Site: cross-site", host=f"127.0.0.1:{proxy.port}")
            assert answer(client.send(request)).status == 403
        assert_unreached(provider)

    def test_fetch_of_node_is_no_browser(self, proxy: RunningProxy) -> None:
        with raw(proxy) as client:
            assert answer(client.send(post("Sec-Fetch-Mode: cors", host=f"127.0.0.1:{proxy.port}"))).status == 200

    def test_no_certificates_for_others(self, proxy: RunningProxy) -> None:
        context = proxy.tls()
        with pytest.raises(OSError, match=r"(?i)ssl|eof|reset"), over_tls(raw(proxy), context, "bank.example"):
            pass

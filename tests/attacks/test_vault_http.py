"""P21: the vault over HTTP stays out of flows and logs, is reached one way only, and by nobody without its token."""

from __future__ import annotations

import base64
import json
import os
import re
import socket

import pytest

from mitmvault.core.formats import openssl
from mitmvault.core.secret import Secret
from tests.attacks.conftest import Attacked
from tests.attacks.tools import BOB, answer, assert_clean, assert_unreached, head, post, refused, statuses
from tests.client import BEARER, CHAT, Raw, Reply, over_tls, raw, send, tunnel
from tests.leaks import leaks
from tests.provider import FakeProvider
from tests.proxy import KEY, PASSWORD, TIMEOUT, TOKEN, RunningProxy, key

pytestmark = pytest.mark.e2e
VAULT_KEY = "sk-canary-key-inside-the-vault-01"
ROUTES = ["/ai.json", "/ai.json.enc"]


def own(proxy: RunningProxy) -> str:
    return f"127.0.0.1:{proxy.port}"


def vault_port(proxy: RunningProxy) -> int:
    port = proxy.addon("vaultapi")._port
    assert isinstance(port, int) and port
    return port


def ask(proxy: RunningProxy, line: str = "GET /ai.json HTTP/1.1", *more: str, token: str | None = PASSWORD) -> bytes:
    return head(line, *more, host=own(proxy), token=token)


def sealed(provider: FakeProvider, text: str = VAULT_KEY) -> bytes:
    document = {"providers": {"openai": {"endpoint": f"{provider.url}/v1", "keys": [key(text)]}}}
    return openssl.seal(json.dumps(document).encode(), Secret(PASSWORD), os.urandom(8))


def put(proxy: RunningProxy, body: bytes, token: str | None = PASSWORD, *more: str) -> bytes:
    return ask(proxy, "PUT /ai.json.enc HTTP/1.1", f"Content-Length: {len(body)}", *more, token=token) + body


def assert_nothing_read(reply: Reply) -> None:
    """No part of the vault, sealed or plain, is in the answer."""
    assert_clean(reply)
    assert b"U2FsdGVkX1" not in reply.body and b'"providers"' not in reply.body  # "Salted__" in base64


def assert_still_serves(proxy: RunningProxy) -> None:
    assert send(proxy, "/openai/v1/chat/completions", CHAT).status == 200


class TestVault(Attacked):
    @pytest.fixture(autouse=True)
    def no_wrong_tokens_yet(self, proxy: RunningProxy) -> None:
        proxy.addon("vaultapi")._access._throttle._failures.clear()

    def test_nothing_of_it_is_observed(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        """Neither token, nor key, nor the sealed bytes, on good and on bad ways."""
        blob = sealed(provider)
        before = proxy.home.vault.read_bytes()
        for request in (put(proxy, blob), put(proxy, blob[:-9]), ask(proxy), ask(proxy, "GET /ai.json.enc HTTP/1.1"),
                        put(proxy, blob, "wrong-token-of-somebody"), ask(proxy, "GET /ai.json HTTP/1.1", "No colon"),
                        ask(proxy, f"GET /ai.json?token={PASSWORD} HTTP/1.1", f"Bad : {PASSWORD}"),
                        ask(proxy, "GET /ai.json HTTP/1.1", f"X: {PASSWORD}\x0b")):  # fmt: skip
            with raw(proxy) as client:
                client.send(request).to_end()
        with raw(proxy) as client:
            assert answer(client.send(put(proxy, blob))).status == 200
        wanted = {"key": VAULT_KEY, "password": PASSWORD, "wrong token": "wrong-token-of-somebody", "user": TOKEN}
        seen = proxy.observed()
        # A listener of hpack's or tornado's that logs headers would be seen here, as would a flow.
        assert not leaks(wanted, seen) and blob[20:60] not in seen and b"vault \xc2\xb7 PUT" in seen
        with raw(proxy) as client:
            assert answer(client.send(put(proxy, before))).status == 200

    @pytest.mark.parametrize("settings", ["", "allow_networks: [127.0.0.0/8, '::1/128']\nunmatched: tunnel"])
    def test_its_port_is_nobodys_destination(self, proxy: RunningProxy, provider: FakeProvider, settings: str) -> None:
        proxy.home.settings.write_text(settings)
        port = vault_port(proxy)
        for host in ("127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0"):
            with tunnel(proxy, f"{host}:{port}") as client:
                assert b" 403 " in client.received.partition(b"\r\n")[0], host
            target = f"http://{host}:{port}/ai.json"
            with raw(proxy) as client:
                reply = answer(client.send(head(f"GET {target} HTTP/1.1", host=f"{host}:{port}", token=PASSWORD)))
                assert reply.status in (403, 421), host
                assert_nothing_read(reply)
            with raw(proxy) as client:
                reply = answer(client.send(head("GET /ai.json HTTP/1.1", host=f"{host}:{port}", token=PASSWORD)))
                assert reply.status in (403, 421), host
                assert_nothing_read(reply)
        proxy.home.settings.write_text("")

    def test_its_port_serves_nobody_who_did_not_come_through_us(self, proxy: RunningProxy) -> None:
        """Nor does it believe a Host header that names the listener."""
        for line in ("GET /ai.json HTTP/1.1", "HEAD /ai.json HTTP/1.1", "GET /ai.json.enc HTTP/1.1"):
            with Raw(socket.create_connection(("127.0.0.1", vault_port(proxy)), timeout=TIMEOUT)) as client:
                reply = answer(client.send(ask(proxy, line)), line.split()[0])
                assert reply.status == 403 and reply.reason == "destination_refused"
                assert_nothing_read(reply)

    @pytest.mark.parametrize("route", ROUTES)
    @pytest.mark.parametrize(
        ("host", "more", "reason"),
        [
            ("rebind.evil.example:{port}", "", "destination_refused"),
            ("127.0.0.1.nip.io:{port}", "", "destination_refused"),
            ("127.0.0.1:1", "", "destination_refused"),
            ("api.openai.com", "", "destination_refused"),
            ("", "", "host_mismatch"),
            ("a b", "", "host_mismatch"),
            ("127.0.0.1:{port}", "Origin: https://evil.example", "origin_refused"),
            ("127.0.0.1:{port}", "Origin: null", "origin_refused"),
            ("127.0.0.1:{port}", "Host: evil.example", ""),
        ],
    )
    def test_foreign_pages(self, proxy: RunningProxy, route: str, host: str, more: str, reason: str) -> None:
        """A page that rebinds its name, or asks across origins, gets nothing: not with the token, not a preflight."""
        for method in ("GET", "OPTIONS", "PUT"):
            wanted = head(f"{method} {route} HTTP/1.1", *filter(None, [more]), host=host.format(port=proxy.port) or None,
                          token=PASSWORD)  # fmt: skip
            with raw(proxy) as client:
                reply = answer(client.send(wanted), method)
            assert reply.status in (400, 403, 421) and (reply.reason == reason or not reason)
            assert "access-control-allow-origin" not in reply.headers
            assert_nothing_read(reply)

    @pytest.mark.parametrize("at", [1, 4, 6, 10, 12])
    def test_a_request_line_in_pieces(self, proxy: RunningProxy, at: int) -> None:
        """It becomes a flow, and then is not answered."""
        request = ask(proxy)
        with raw(proxy) as client:
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.send(request[:at])
            # The second piece is sent when the proxy has the first: it answers our other request after it.
            assert send(proxy, "/health", headers={}).status == 200
            reply = answer(client.send(request[at:]), "GET")
            assert client.to_end() == b""
        refused(reply, 421, "new_connection_needed")
        assert "open a new connection" in reply.json["error"]["message"]
        assert reply.headers["connection"] == "close"
        assert_nothing_read(reply)

    def test_an_upload_that_became_a_flow_is_not_kept(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        blob, before = sealed(provider), proxy.home.vault.read_bytes()
        with raw(proxy) as client:
            assert answer(client.send(head("GET /health HTTP/1.1", host=own(proxy), token=None)), "GET").status == 200
            reply = answer(client.send(put(proxy, blob)), "PUT")
        refused(reply, 421, "new_connection_needed")
        assert proxy.home.vault.read_bytes() == before
        assert blob[20:60] not in proxy.observed()

    @pytest.mark.parametrize("first", ["/health", "chat"])
    @pytest.mark.parametrize("route", ROUTES)
    def test_a_connection_that_began_as_the_proxys(
        self, proxy: RunningProxy, provider: FakeProvider, first: str, route: str
    ) -> None:
        begin = post(host=own(proxy)) if first == "chat" else head("GET /health HTTP/1.1", host=own(proxy), token=None)
        with raw(proxy) as client:
            assert answer(client.send(begin)).status == 200
            reply = answer(client.send(ask(proxy, f"GET {route} HTTP/1.1")), "GET")
            assert client.to_end() == b""
        refused(reply, 421, "new_connection_needed")
        assert_nothing_read(reply)

    def test_a_connection_that_began_as_the_vaults(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        """It ends with the first answer, so nothing of the proxy's is ever read there."""
        with raw(proxy) as client:
            hidden = put(proxy, sealed(provider)) + post(host=own(proxy)) + ask(proxy)
            before = proxy.home.vault.read_bytes()
            seen = client.send(ask(proxy) + hidden).to_end()
        assert proxy.home.vault.read_bytes() == before
        assert statuses(seen) == [200] and b"connection: close" in seen.lower().partition(b"\r\n\r\n")[0]
        assert_unreached(provider)

    def test_a_preflight_ends_a_connection_of_the_proxys(self, proxy: RunningProxy) -> None:
        proxy.home.settings.write_text("allow_origins: ['https://panel.example']")
        asked = ("Origin: https://panel.example", "Access-Control-Request-Method: PUT")
        with raw(proxy) as client:
            assert answer(client.send(head("GET /health HTTP/1.1", host=own(proxy), token=None)), "GET").status == 200
            reply = answer(client.send(ask(proxy, "OPTIONS /ai.json HTTP/1.1", *asked, token=None)), "OPTIONS")
            assert client.to_end() == b""
        proxy.home.settings.write_text("")
        assert reply.status == 204 and reply.headers["connection"] == "close"

    @pytest.mark.parametrize("route", ROUTES)
    def test_other_ways_to_the_listener(self, proxy: RunningProxy, route: str) -> None:
        """TLS to the listener, an absolute URL, a tunnel to ourselves, HTTP in a provider's tunnel."""
        with over_tls(raw(proxy), proxy.tls(), "localhost") as client:
            wanted = head(f"GET {route} HTTP/1.1", host=f"localhost:{proxy.port}", token=PASSWORD)
            refused(answer(client.send(wanted), "GET"), 421, "new_connection_needed")
        with raw(proxy) as client:
            reply = answer(client.send(ask(proxy, f"GET http://{own(proxy)}{route} HTTP/1.1")), "GET")
            refused(reply, 421, "new_connection_needed")
        with tunnel(proxy, own(proxy)) as client:
            assert b" 403 " in client.received.partition(b"\r\n")[0]
        with tunnel(proxy, "api.openai.com:443") as client:
            assert b" 200 " in client.received.partition(b"\r\n")[0]
            client.received = b""
            assert_nothing_read(answer(client.send(ask(proxy, f"GET {route} HTTP/1.1")), "GET"))

    @pytest.mark.parametrize("token", [TOKEN, BOB, KEY, "", PASSWORD[:-1], PASSWORD + "x", PASSWORD.upper()])
    def test_only_the_crypto_token_opens_it(self, proxy: RunningProxy, provider: FakeProvider, token: str) -> None:
        """A user's token is enough for no route: the sealed vault would let its holder guess offline."""
        before = proxy.home.vault.read_bytes()
        for request in (*(ask(proxy, f"GET {route} HTTP/1.1", token=token or None) for route in ROUTES),
                        put(proxy, sealed(provider), token or None)):  # fmt: skip
            with raw(proxy) as client:
                reply = answer(client.send(request), "GET")
            assert reply.status in (401, 403)
            assert_nothing_read(reply)
        assert proxy.home.vault.read_bytes() == before

    @pytest.mark.parametrize("carrier", ["X-Api-Key: {}", "Proxy-Authorization: Bearer {}", "Cookie: token={}"])
    def test_other_carriers_are_not_looked_at(self, proxy: RunningProxy, carrier: str) -> None:
        with raw(proxy) as client:
            lines = (carrier.format(PASSWORD),)
            assert answer(client.send(ask(proxy, "GET /ai.json.enc HTTP/1.1", *lines, token=None))).status == 401
        with raw(proxy) as client:
            line = f"GET /ai.json?key={PASSWORD.replace(' ', '+')} HTTP/1.1"
            assert answer(client.send(ask(proxy, line, token=None))).status == 401
        with raw(proxy) as client:
            two = ("Authorization: Bearer other",)
            assert answer(client.send(ask(proxy, "GET /ai.json HTTP/1.1", *two))).status == 401

    @pytest.mark.parametrize("garbage", ["noise", "base64", "other token", "no vault", "header injection", "cut"])
    def test_garbage_replaces_nothing(self, proxy: RunningProxy, provider: FakeProvider, garbage: str) -> None:
        """The original took anything, and then served nobody until the next upload."""
        injected = json.dumps({"providers": {"openai": {"keys": [{"key": f"{VAULT_KEY}\r\nX: y"}]}}}).encode()
        body = {
            "noise": b"\x00\xff garbage",
            "base64": base64.b64encode(os.urandom(64)),
            "other token": openssl.seal(b'{"providers": {}}', Secret("another"), os.urandom(8)),
            "no vault": openssl.seal(b'["providers"]', Secret(PASSWORD), os.urandom(8)),
            "header injection": openssl.seal(injected, Secret(PASSWORD), os.urandom(8)),
            "cut": sealed(provider)[:-30],
        }[garbage]
        before = proxy.home.vault.read_bytes()
        with raw(proxy) as client:
            reply = answer(client.send(put(proxy, body)))
        assert (reply.status, reply.json["error"]) == (400, "Invalid vault")
        assert VAULT_KEY.encode() not in reply.body
        assert proxy.home.vault.read_bytes() == before
        assert_still_serves(proxy)

    def test_a_stale_upload_is_refused(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        before = proxy.home.vault.read_bytes()
        with raw(proxy) as client:
            assert answer(client.send(put(proxy, sealed(provider), PASSWORD, 'If-Match: "of-yesterday"'))).status == 412
        assert proxy.home.vault.read_bytes() == before
        assert_still_serves(proxy)

    def test_guessing_is_slowed_down(self, proxy: RunningProxy) -> None:
        guesses = [Raw(raw(proxy).sock).send(ask(proxy, token=f"guess-{number}")) for number in range(14)]
        replies = [answer(client, "GET") for client in guesses]  # all at once: none is ahead of the count
        assert sorted(reply.status for reply in replies) == [403] * 10 + [429] * 4
        waits = [reply.headers["retry-after"] for reply in replies if reply.status == 429]
        assert all(re.fullmatch("[1-9][0-9]?", wait) for wait in waits)
        assert_still_serves(proxy)
        for client in guesses:
            client.sock.close()

    def test_nothing_is_served_while_switched_off(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        from mitmvault.wire import switch

        before = proxy.home.vault.read_bytes()
        proxy.call(switch.off)
        try:
            for request in (ask(proxy), ask(proxy, "GET /ai.json.enc HTTP/1.1"), put(proxy, sealed(provider))):
                with raw(proxy) as client:
                    reply = answer(client.send(request), "GET")
                assert reply.status != 200
                assert_nothing_read(reply)
        finally:
            proxy.call(switch.on)
        assert proxy.home.vault.read_bytes() == before

    @pytest.mark.parametrize(
        ("module", "name", "status"),
        [("relay", "offer", 421), ("vault_api", "begins", 421), ("vault_api", "check", 500), ("cors", "preflight", 500),
         ("vault_api", "bearer", 500)],
    )  # fmt: skip
    def test_parts_made_to_raise(
        self, proxy: RunningProxy, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, module: str, name: str,
        status: int,
    ) -> None:  # fmt: skip
        import mitmvault.addons.vault_api as addon

        def boom(*args: object) -> None:
            raise RuntimeError(PASSWORD)

        before = proxy.home.vault.read_bytes()
        monkeypatch.setattr(getattr(addon, module), name, boom)
        for request in (ask(proxy), ask(proxy, "GET /ai.json.enc HTTP/1.1"), put(proxy, sealed(provider))):
            with raw(proxy) as client:
                reply = answer(client.send(request), "GET")
            assert reply.status == status
            assert_nothing_read(reply)
            assert PASSWORD.encode() not in reply.body
        assert proxy.home.vault.read_bytes() == before

    def test_a_server_that_is_gone(self, proxy: RunningProxy, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its port is not dialled any more: somebody else may listen there by then."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            other.settimeout(0)
            monkeypatch.setattr(proxy.addon("vaultapi"), "_port", 0)
            with raw(proxy) as client:
                refused(answer(client.send(ask(proxy)), "GET"), 421, "new_connection_needed")
            with pytest.raises(BlockingIOError):
                other.accept()

    def test_a_refused_giant_is_not_kept(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        """What nobody may send is read past, not into memory; what is too large is not read at all."""
        with raw(proxy) as client:
            reply = answer(client.send(put(proxy, b"x" * 300_000, TOKEN)))
        assert reply.status == 403
        for length in ("34000000", "9" * 19, "9" * 5000):
            with raw(proxy) as client:
                request = ask(proxy, "PUT /ai.json.enc HTTP/1.1", f"Content-Length: {length}")
                assert answer(client.send(request), "PUT").status == 413
        over = b"%x\r\n%s\r\n" % (2**20, b"x" * 2**20) * 33 + b"0\r\n\r\n"
        with raw(proxy) as client:  # sends everything before it looks for an answer
            request = ask(proxy, "PUT /ai.json.enc HTTP/1.1", "Transfer-Encoding: chunked")
            assert answer(client.send(request + over), "PUT").status == 413
        assert_still_serves(proxy)


class TestPublic(Attacked):
    settings = "public_vault: true"

    def test_the_sealed_vault_alone_is_public(self, proxy: RunningProxy) -> None:
        for method, path, status in (("GET", "/ai.json.enc", 200), ("HEAD", "/ai.json.enc", 200),
                                     ("GET", "/ai.json", 401), ("PUT", "/ai.json.enc", 403)):  # fmt: skip
            with raw(proxy) as client:
                reply = answer(client.send(ask(proxy, f"{method} {path} HTTP/1.1", token=None)), method)
            assert reply.status == status
        assert send(proxy, "/ai.json.enc", headers={}).body == proxy.home.vault.read_bytes()
        assert send(proxy, "/ai.json", headers=BEARER).status == 403

    def test_and_not_for_pages_of_others(self, proxy: RunningProxy) -> None:
        with raw(proxy) as client:
            request = ask(proxy, "GET /ai.json.enc HTTP/1.1", "Origin: https://evil.example", token=None)
            refused(answer(client.send(request), "GET"), 403, "origin_refused")

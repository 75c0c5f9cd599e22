"""The vault's routes at a running proxy: with clients as people have them, and the real openssl."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mitmvault.core.secret import Secret
from mitmvault.home import store
from tests.client import CHAT, Reply, raw, send
from tests.conftest import standard_providers
from tests.provider import FakeProvider
from tests.proxy import KEY, PASSWORD, TOKEN, RunningProxy, key

pytestmark = pytest.mark.e2e

OPERATOR = {"Authorization": f"Bearer {PASSWORD}"}
NEW_KEY = "sk-canary-provider-key-0002"
ORIGIN = "https://panel.example.com"


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    home, settings = tmp_path_factory.mktemp("home"), f"allow_origins: ['{ORIGIN}']"
    with RunningProxy(home, standard_providers(provider_of_module.url), settings=settings) as running:
        yield running
        running.assert_nothing_leaked(NEW_KEY)


@pytest.fixture(autouse=True)
def as_before(proxy: RunningProxy, provider: FakeProvider) -> None:
    proxy.write_vault(standard_providers(provider.url))


def ask(proxy: RunningProxy, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
    named = OPERATOR | {name.replace("_", "-"): value for name, value in headers.items()}
    return send(proxy, path, body, method=method, headers={k: v for k, v in named.items() if v})


def sealed_by_openssl(document: object, tmp_path: Path, *more: str, token: str = PASSWORD) -> bytes:
    """As reference system 003's README makes it."""
    plain = tmp_path / "ai.json"
    plain.write_text(json.dumps(document))
    command = ["openssl", "enc", "-aes-256-cbc", "-a", "-pbkdf2", "-iter", "100000", "-salt", "-in", str(plain),
               "-pass", f"pass:{token}", *more]  # fmt: skip
    return subprocess.run(command, check=True, capture_output=True).stdout


def vault_at(provider: FakeProvider, text: str = NEW_KEY) -> dict[str, object]:
    return {"version": 7, "providers": {"openai": {"endpoint": f"{provider.url}/v1", "keys": [key(text)]}}}


def test_what_openssl_sealed_is_used_by_the_very_next_request(
    proxy: RunningProxy, provider: FakeProvider, tmp_path: Path
) -> None:
    before = proxy.home.vault.read_bytes()
    sealed = sealed_by_openssl(vault_at(provider), tmp_path)
    reply = ask(proxy, "PUT", "/ai.json.enc", sealed, Content_Type="text/plain")
    assert (reply.status, reply.json) == (200, {"ok": True, "message": "Vault updated"})
    assert send(proxy, "/openai/v1/chat/completions", CHAT).status == 200
    assert ("Authorization", f"Bearer {NEW_KEY}") in provider.arrivals[-1].headers
    again = ask(proxy, "GET", "/ai.json.enc")
    assert (again.status, again.body) == (200, sealed)
    assert again.headers["etag"] == reply.headers["etag"]
    assert again.headers["content-type"] == "text/plain; charset=UTF-8"
    assert proxy.home.vault.read_bytes() == sealed
    assert proxy.home.vault.with_name("ai.json.enc.previous").read_bytes() == before
    assert proxy.home.vault.stat().st_mode & 0o777 == 0o600


def test_one_long_line_is_taken_and_given_back_as_it_is(
    proxy: RunningProxy, provider: FakeProvider, tmp_path: Path
) -> None:
    sealed = sealed_by_openssl(vault_at(provider), tmp_path, "-A")
    assert b"\n" not in sealed.strip()
    assert ask(proxy, "PUT", "/ai.json.enc", sealed).status == 200
    assert ask(proxy, "GET", "/ai.json.enc").body == sealed
    assert ask(proxy, "GET", "/ai.json").json == vault_at(provider)


def test_openssl_opens_what_it_gets(proxy: RunningProxy, tmp_path: Path) -> None:
    file = tmp_path / "ai.json.enc"
    file.write_bytes(ask(proxy, "GET", "/ai.json.enc").body)
    command = ["openssl", "enc", "-d", "-aes-256-cbc", "-a", "-pbkdf2", "-iter", "100000", "-in", str(file),
               "-pass", f"pass:{PASSWORD}"]  # fmt: skip
    opened = subprocess.run(command, check=True, capture_output=True).stdout
    assert opened == ask(proxy, "GET", "/ai.json").body
    assert json.loads(opened)["providers"]["openai"]["keys"] == [{"key": KEY}]


def test_the_plain_vault(proxy: RunningProxy) -> None:
    reply = ask(proxy, "GET", "/ai.json")
    assert reply.status == 200 and reply.body == store.read_vault(proxy.home, Secret(PASSWORD))
    assert reply.headers["cache-control"] == "no-store" and reply.headers["content-type"] == "application/json"
    assert reply.headers["etag"] == ask(proxy, "GET", "/ai.json.enc").headers["etag"]


@pytest.mark.parametrize("path", ["/ai.json", "/ai.json.enc"])
def test_head(proxy: RunningProxy, path: str) -> None:
    with raw(proxy) as client:
        lines = f"HEAD {path} HTTP/1.1\r\nHost: localhost:{proxy.port}\r\nAuthorization: Bearer {PASSWORD}\r\n\r\n"
        head = client.send(lines.encode()).to_end()
    whole = ask(proxy, "GET", path)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n") and head.endswith(b"\r\n\r\n")
    assert f"content-length: {len(whole.body)}".encode() in head.lower()
    assert whole.headers["etag"].encode() in head


def test_the_words_of_reference_system_003(proxy: RunningProxy, tmp_path: Path) -> None:
    wrong = {"Authorization": "Bearer wrong"}
    assert send(proxy, "/ai.json", headers={}).json == {"error": "Missing Authorization header"}
    assert send(proxy, "/ai.json", headers={"Authorization": "Basic eDp5"}).status == 401
    reply = send(proxy, "/ai.json", headers=wrong)
    text = "The provided token does not match the encryption password, or the vault is corrupted."
    assert (reply.status, reply.json) == (403, {"error": "Decryption failed", "message": text})
    for headers in (wrong, {}):
        reply = send(proxy, "/ai.json.enc", b"x", method="PUT", headers=headers)
        assert (reply.status, reply.json) == (403, {"error": "Unauthorized"})
    for body in (b"", b" \r\n"):
        reply = ask(proxy, "PUT", "/ai.json.enc", body)
        assert (reply.status, reply.json) == (400, {"error": "Empty body"})
    proxy.home.vault.rename(tmp_path / "gone")
    assert (ask(proxy, "GET", "/ai.json.enc").status, ask(proxy, "GET", "/ai.json.enc").body) == (
        404,
        b"Vault not found",
    )
    reply = ask(proxy, "GET", "/ai.json")
    assert (reply.status, reply.json) == (404, {"error": "Vault not found"})


def test_a_lost_vault_is_put_back(proxy: RunningProxy, provider: FakeProvider, tmp_path: Path) -> None:
    sealed = proxy.home.vault.read_bytes()
    proxy.home.vault.unlink()
    assert ask(proxy, "PUT", "/ai.json.enc", sealed, If_Match="*").status == 412
    assert not proxy.home.vault.exists()
    assert ask(proxy, "PUT", "/ai.json.enc", sealed, If_None_Match="*").status == 200
    assert ask(proxy, "PUT", "/ai.json.enc", sealed, If_None_Match="*").status == 412
    assert send(proxy, "/openai/v1/chat/completions", CHAT).status == 200


def test_a_stale_version_writes_over_nothing(proxy: RunningProxy, provider: FakeProvider, tmp_path: Path) -> None:
    first = ask(proxy, "GET", "/ai.json").headers["etag"]
    mine, theirs = (sealed_by_openssl(vault_at(provider, text), tmp_path) for text in (NEW_KEY, KEY))
    second = ask(proxy, "PUT", "/ai.json.enc", mine, If_Match=first)
    assert second.status == 200
    late = ask(proxy, "PUT", "/ai.json.enc", theirs, If_Match=first)
    assert (late.status, late.json["error"]) == (412, "Precondition failed")
    assert proxy.home.vault.read_bytes() == mine
    assert ask(proxy, "GET", "/ai.json.enc", If_None_Match=second.headers["etag"]).status == 304
    assert ask(proxy, "PUT", "/ai.json.enc", theirs, If_Match=f'"x", {second.headers["etag"]}').status == 200
    assert ask(proxy, "PUT", "/ai.json.enc", mine, If_Match="*").status == 200


def test_pages_of_an_allowed_origin(proxy: RunningProxy) -> None:
    asked = {"Origin": ORIGIN, "Access_Control_Request_Method": "PUT", "Access_Control_Request_Headers": "if-match"}
    preflight = ask(proxy, "OPTIONS", "/ai.json.enc", None, Authorization="", **asked)
    assert preflight.status == 204 and "PUT" in preflight.headers["access-control-allow-methods"]
    for reply in (
        preflight,
        ask(proxy, "GET", "/ai.json", Origin=ORIGIN),
        ask(proxy, "PUT", "/ai.json.enc", b"", Origin=ORIGIN),
    ):
        assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert preflight.headers["access-control-allow-headers"] == "if-match"


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH", "PUT", "OPTIONS"])
@pytest.mark.parametrize("path", ["/ai.json", "/ai.json.enc"])
def test_other_methods(proxy: RunningProxy, method: str, path: str) -> None:
    if (method, path) == ("PUT", "/ai.json.enc"):
        return
    reply = ask(proxy, method, path, b"x")
    assert (reply.status, reply.json) == (405, {"error": "Method not allowed"})
    assert reply.headers["allow"] == ("GET, HEAD, OPTIONS" if path == "/ai.json" else "GET, HEAD, PUT, OPTIONS")


def test_sizes(proxy: RunningProxy, provider: FakeProvider, tmp_path: Path) -> None:
    """A vault of some megabytes passes, in one piece or in chunks; what is too large is told before it is sent."""
    large = vault_at(provider) | {"note": "x" * 3_000_000}
    sealed = sealed_by_openssl(large, tmp_path)
    assert ask(proxy, "PUT", "/ai.json.enc", sealed).status == 200
    assert ask(proxy, "GET", "/ai.json").json == large
    pieces = (sealed[at : at + 100_000] for at in range(0, len(sealed), 100_000))
    assert send(proxy, "/ai.json.enc", pieces, method="PUT", headers=OPERATOR).status == 200
    reply = ask(proxy, "PUT", "/ai.json.enc", None, Content_Length=str(33 * 2**20))
    assert (reply.status, reply.json["error"]) == (413, "Vault too large")


def test_expect_continue(proxy: RunningProxy) -> None:
    """curl asks first when it has much to send: who is refused need not send it."""
    for token, first in ((PASSWORD, b"HTTP/1.1 100"), (TOKEN, b"HTTP/1.1 403")):
        head = (f"PUT /ai.json.enc HTTP/1.1\r\nHost: 127.0.0.1:{proxy.port}\r\nAuthorization: Bearer {token}\r\n"
                "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n")  # fmt: skip
        with raw(proxy) as client:
            assert client.send(head.encode()).until(b"\r\n\r\n").startswith(first)


def test_every_connection_serves_one_request(proxy: RunningProxy) -> None:
    """So that a client never sends a proxy's request where only the vault is."""
    conn = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    conn.request("GET", "/ai.json.enc", headers=OPERATOR)
    reply = conn.getresponse()
    assert reply.read() and reply.headers["connection"] == "close"
    conn.request("GET", "/health")  # http.client opens a new connection by itself
    assert conn.getresponse().read().startswith(b'{"status":"ok"')
    conn.close()


def test_no_flow_comes_of_it(proxy: RunningProxy) -> None:
    before = len(proxy.recorder.states)
    assert ask(proxy, "GET", "/ai.json").status == 200
    assert len(proxy.recorder.states) == before
    assert "vault · GET /ai.json · 200" in proxy.recorder.log_text()

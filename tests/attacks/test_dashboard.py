"""P25: the dashboard is for admins, for our own pages, and no text in it ever becomes markup."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator

import pytest

from tests.attacks.tools import DECOY, answer, head
from tests.client import BEARER, CHAT, Raw, Reply, over_tls, raw, send, tunnel
from tests.conftest import standard_providers
from tests.provider import FakeProvider
from tests.proxy import KEY, PASSWORD, TIMEOUT, TOKEN, RunningProxy

pytestmark = pytest.mark.e2e
BOB, ADA, EVA = (f"mv-{name}-token-for-tests-only" for name in ("bob", "ada", "eva"))
USERS = {"alice": {"key": TOKEN, "admin": True}, "bob": {"key": BOB}, "ada": {"key": ADA, "admin": True},
         "eva": {"key": EVA, "admin": True, "type": "expired"}}  # fmt: skip
APIS = ["session", "now", "summary", "tail", "explain?flow=00000000"]


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    home = tmp_path_factory.mktemp("home")
    settings = "allow_origins: ['*']\nallow_networks: [127.0.0.0/8]\nunmatched: tunnel\n"
    with RunningProxy(home, standard_providers(provider_of_module.url), users=USERS, settings=settings) as running:
        yield running
        running.assert_nothing_leaked(BOB, ADA, EVA)


@pytest.fixture(autouse=True)
def no_wrong_tokens_yet(proxy: RunningProxy) -> None:
    proxy.addon("ui")._wrong._failures.clear()


def sign_in(proxy: RunningProxy, token: str, **headers: str) -> tuple[Reply, dict[str, str]]:
    named = {"Authorization": f"Bearer {token}", "Content-Length": "0"} | {
        k.replace("_", "-"): v for k, v in headers.items()
    }
    reply = send(proxy, "/ui/session", method="POST", headers=named)
    cookie = reply.headers.get("set-cookie", "").partition(";")[0]
    return reply, {"Cookie": cookie, "X-Mitmvault-Page": reply.json.get("page", "")}


def api(proxy: RunningProxy, headers: dict[str, str], name: str = "now") -> Reply:
    return send(proxy, f"/ui/api/{name}", method="GET", headers=headers)


def assert_nothing_told(reply: Reply) -> None:
    assert reply.status in (400, 401, 403, 404, 405, 421), reply.body
    for word in (b"under_way", b"requests", b"#1 ", *(text.encode() for text in (KEY, TOKEN, PASSWORD))):
        assert word not in reply.body
    assert "access-control-allow-origin" not in reply.headers and "set-cookie" not in reply.headers


@pytest.mark.parametrize("name", APIS)
@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "missing_token"),
        ({"Authorization": f"Bearer {DECOY}"}, "unknown_token"),
        ({"Authorization": f"Bearer {BOB}"}, "admin_only"),
        ({"x-api-key": BOB}, "admin_only"),
        ({"Authorization": f"Bearer {EVA}"}, "unknown_token"),
        ({"Authorization": f"Bearer {TOKEN}", "x-api-key": BOB}, "ambiguous_token"),
        ({"Authorization": f"Bearer {PASSWORD}"}, "unknown_token"),
        ({"Cookie": "mitmvault_ui=x", "X-Mitmvault-Page": "x"}, "missing_token"),
    ],
)
def test_not_for_everybody(proxy: RunningProxy, name: str, headers: dict[str, str], reason: str) -> None:
    reply = api(proxy, headers, name)
    assert reply.reason == reason
    assert_nothing_told(reply)


def test_a_session_is_two_words(proxy: RunningProxy) -> None:
    """A cookie goes to every port of this host; another page of it has not the word, and a cookie no script can read."""
    _, alice = sign_in(proxy, TOKEN)
    _, ada = sign_in(proxy, ADA)
    assert api(proxy, alice).status == api(proxy, ada).status == 200
    mixed = [
        {"Cookie": alice["Cookie"]},
        {"X-Mitmvault-Page": alice["X-Mitmvault-Page"]},
        alice | {"X-Mitmvault-Page": ada["X-Mitmvault-Page"]},
        alice | {"Cookie": ada["Cookie"]},
        alice | {"X-Mitmvault-Page": ""},
    ]
    for headers in mixed:
        assert_nothing_told(api(proxy, headers))


def test_a_session_opens_nothing_else(proxy: RunningProxy, provider: FakeProvider) -> None:
    _, headers = sign_in(proxy, TOKEN)
    assert send(proxy, "/openai/v1/chat/completions", CHAT, headers=headers).reason == "missing_token"
    assert send(proxy, "/ai.json", headers=headers).status == 401
    assert send(proxy, "/openai/v1/chat/completions", CHAT, headers=headers | BEARER).status == 200
    assert not {"cookie", "x-mitmvault-page"} & {name.lower() for name, _ in provider.arrivals[-1].headers}


@pytest.mark.parametrize("token", [BOB, DECOY, EVA, "", PASSWORD])
def test_who_may_not_sign_in(proxy: RunningProxy, token: str) -> None:
    reply, headers = sign_in(proxy, token)
    assert_nothing_told(reply)
    assert_nothing_told(api(proxy, headers))


def test_a_revoked_token_ends_its_sessions(proxy: RunningProxy) -> None:
    _, headers = sign_in(proxy, ADA)
    assert api(proxy, headers).status == 200
    for fields in (
        {"key": ADA},
        {"key": ADA, "admin": True, "type": "expired"},
        {"key": "mv-ada-has-another-token-now"},
    ):
        proxy.write_users(USERS | {"ada": fields})
        assert_nothing_told(api(proxy, headers))
    proxy.write_users(USERS)


def test_wrong_tokens_are_throttled(proxy: RunningProxy) -> None:
    replies = [sign_in(proxy, f"{DECOY}-{number}")[0] for number in range(12)]
    assert [reply.status for reply in replies] == [403] * 10 + [429] * 2 and replies[-1].headers["retry-after"]
    assert sign_in(proxy, TOKEN)[0].status == 429


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_others(proxy: RunningProxy, headers: dict[str, str]) -> None:
    """Whatever `allow_origins` says: here it says `*`."""
    _, session = sign_in(proxy, TOKEN)
    assert_nothing_told(api(proxy, session | headers))
    assert_nothing_told(sign_in(proxy, TOKEN, **{k.replace("-", "_"): v for k, v in headers.items()})[0])


def test_a_preflight_allows_nothing(proxy: RunningProxy) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET",
             "Access-Control-Request-Headers": "x-mitmvault-page"}  # fmt: skip
    assert_nothing_told(send(proxy, "/ui/api/now", method="OPTIONS", headers=asked))


@pytest.mark.parametrize(
    "host", ["rebind.evil.example:{port}", "127.0.0.1:1", "api.openai.com", "127.0.0.1.nip.io:{port}"]
)
def test_rebinding(proxy: RunningProxy, host: str) -> None:
    for path in ("/ui/", "/ui/api/now"):
        with raw(proxy) as client:
            reply = answer(client.send(head(f"GET {path} HTTP/1.1", host=host.format(port=proxy.port))), "GET")
        assert_nothing_told(reply)
        assert b"<html" not in reply.body


def test_its_port_is_nobodys_destination(proxy: RunningProxy) -> None:
    port = proxy.addon("ui")._port
    for host in ("127.0.0.1", "localhost", "[::1]", "2130706433"):
        with tunnel(proxy, f"{host}:{port}") as client:
            assert b" 403 " in client.received.partition(b"\r\n")[0], host
    with Raw(socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)) as client:
        reply = answer(client.send(head("GET /ui/api/now HTTP/1.1", host=f"127.0.0.1:{proxy.port}")), "GET")
    assert reply.reason == "destination_refused"
    assert_nothing_told(reply)


def test_a_providers_path_is_not_ours(proxy: RunningProxy, provider: FakeProvider) -> None:
    """`/ui/` at a provider's host, through the proxy, is that provider's."""
    with over_tls(tunnel(proxy, "api.openai.com:443"), proxy.tls(), "api.openai.com") as client:
        client.send(head("GET /ui/api/now HTTP/1.1", host="api.openai.com"))
        response = http.client.HTTPResponse(client.sock, method="GET")
        response.begin()
        assert b"under_way" not in response.read()
    assert provider.wait_for(1)[0].target == "/ui/api/now"


@pytest.mark.parametrize("target", ["/ui/../ai.json", "/ui/%2e%2e/ai.json", "/ui/app.js/../../../home", "/ui//etc/passwd",
                                    "/ui/api/../../ai.json", "/ui/api/__class__", "/ui/%00", "/ui/ui_files.py"])  # fmt: skip
def test_no_other_file(proxy: RunningProxy, target: str) -> None:
    with raw(proxy) as client:
        reply = answer(client.send(head(f"GET {target} HTTP/1.1", host=f"127.0.0.1:{proxy.port}")), "GET")
    assert_nothing_told(reply)


def test_nothing_while_the_switch_is_off(proxy: RunningProxy) -> None:
    from mitmvault.wire import switch

    proxy.call(switch.off)
    try:
        reply = send(proxy, "/ui/api/now")
        assert reply.status == 307  # it is a flow now; and then refused
        assert_nothing_told(send(proxy, reply.headers["location"]))
    finally:
        proxy.call(switch.on)


def test_what_is_said_is_text(proxy: RunningProxy) -> None:
    """JSON, and typed as such: no browser takes it for a page. The pages make text of it: tests/test_ui_files.py."""
    evil = "<script>alert(1)</script>"
    send(proxy, "/openai/v1/chat/completions", CHAT | {"model": evil}, headers=BEARER | {"X-Session-ID": "x"})
    for name in APIS:
        reply = api(proxy, BEARER, name)
        assert (
            reply.headers["content-type"] == "application/json" and reply.headers["x-content-type-options"] == "nosniff"
        )
        assert "default-src 'none'" in reply.headers["content-security-policy"]

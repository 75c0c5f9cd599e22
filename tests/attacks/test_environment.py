"""P10, P13: a token or a key of the environment is as secret as one of a file, and as closed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.tools import DECOY, H2, assert_unreached, refused
from tests.client import CHAT, Reply, raw, send, tunnel
from tests.leaks import canary, leaks
from tests.provider import FakeProvider
from tests.proxy import PASSWORD, RunningProxy, key

pytestmark = pytest.mark.e2e
OPENAI, GROQ, FIRST, SECOND = canary("sk-"), canary("gsk-"), canary("first-"), canary("second-")
REVOKED, GATEWAY = canary("revoked-"), canary("cf-aig-")
SECRETS = {"key of openai": OPENAI, "key of groq": GROQ, "first token": FIRST, "second token": SECOND,
           "revoked token": REVOKED, "gateway token": GATEWAY}  # fmt: skip
ENVIRON = {"OPENAI_API_KEY": f'["{OPENAI}"]', "GROQ_API_KEY": SECOND, "PROXY_API_KEY": f"{FIRST},{SECOND}",
           "AUTH_TOKEN": REVOKED, "CF_AIG_TOKEN": GATEWAY}  # fmt: skip
CHAT_TARGET = "/openai/v1/chat/completions"


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """The revoked token is in users.json, too: expired. groq's variable holds a user token by mistake."""
    home = tmp_path_factory.mktemp("home")
    vault = {name: {"endpoint": f"{provider_of_module.url}/v1"} for name in ("openai", "groq")}
    users = {"alice": {"key": "mv-alice-token-for-tests-only"}, "gone": {"key": REVOKED, "type": "expired"}}
    with RunningProxy(home, vault, users=users, environ=ENVIRON) as running:
        yield running
        assert not leaks(SECRETS, running.observed())


def ask(proxy: RunningProxy, token: str, target: str = CHAT_TARGET) -> Reply:
    return send(proxy, target, CHAT, headers={"Authorization": f"Bearer {token}"})


def test_what_arrives_holds_the_key_and_no_token(proxy: RunningProxy, provider: FakeProvider) -> None:
    for token in (FIRST, SECOND):
        assert ask(proxy, token).status == 200
    for arrived in provider.wait_for(2):
        assert arrived.headers_named("authorization") == [f"Bearer {OPENAI}"]
        assert not leaks({"first": FIRST, "second": SECOND}, str(arrived.headers).encode() + arrived.body)


def test_a_provider_that_repeats_its_key(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(401, {"Content-Type": "application/json", "X-Key": OPENAI}, f'{{"error": "bad key {OPENAI}"}}')
    reply = ask(proxy, FIRST)
    assert reply.status == 401 and not leaks(SECRETS, reply.body + str(reply.headers.items()).encode())


def test_a_user_token_never_becomes_a_provider_key(proxy: RunningProxy, provider: FakeProvider) -> None:
    refused(ask(proxy, FIRST, "/groq/v1/chat/completions"), 503, "no_usable_key")
    assert_unreached(provider)
    assert "GROQ_API_KEY holds a user token" in proxy.recorder.log_text()


def test_a_token_that_users_json_has_expired_stays_out(proxy: RunningProxy, provider: FakeProvider) -> None:
    replies = [ask(proxy, token) for token in (REVOKED, DECOY, "auth-token", "proxy-api-key", f"{FIRST},{SECOND}")]
    for reply in replies:
        refused(reply, 403, "unknown_token")
    assert len({reply.body for reply in replies}) == 1
    assert_unreached(provider)


def test_refused_and_odd_requests_show_nothing_either(proxy: RunningProxy) -> None:
    send(proxy, f"{CHAT_TARGET}?key={FIRST}&auth_token={SECOND}", CHAT, headers={})
    send(proxy, f"/nowhere?key={FIRST}", CHAT, headers={"x-api-key": SECOND, "cookie": f"a={FIRST}"})
    with raw(proxy) as client:
        client.send(f"GET / HTTP/9.9\r\nX-Api-Key: {FIRST}\r\n\r\n".encode()).to_end()
    with tunnel(proxy, "api.openai.com:443", f"Proxy-Authorization: Bearer {FIRST}\r\n"):
        pass
    with H2(proxy, connect_headers=f"Proxy-Authorization: Bearer {SECOND}\r\n"):
        pass


def test_the_vault_over_http_holds_nothing_of_the_environment(proxy: RunningProxy) -> None:
    reply = send(proxy, "/ai.json", headers={"Authorization": f"Bearer {PASSWORD}"})
    assert reply.status == 200 and set(reply.json["providers"]) == {"openai", "groq"}
    assert not leaks(SECRETS, reply.body)


def test_a_broken_variable_does_not_open_or_leak(
    proxy: RunningProxy, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXY_API_KEY", f"{FIRST}\n{SECOND}")
    proxy.write_vault({"openai": {"endpoint": f"{provider.url}/v1", "keys": [key(OPENAI)]}})
    assert ask(proxy, FIRST).status == 200  # the world before stays in force
    refused(ask(proxy, DECOY), 403, "unknown_token")
    assert "PROXY_API_KEY: must be visible" in proxy.recorder.log_text()

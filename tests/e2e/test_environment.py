"""Started as the reference systems were: tokens, keys and the gateway from the environment. (docs/configuration.md)"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mitmvault.core.route import gateway
from tests.client import CHAT, Reply, send
from tests.provider import FakeProvider
from tests.proxy import RunningProxy
from tests.serving import Serving, eventually

pytestmark = pytest.mark.e2e
KEYS = ("sk-environment-key-0001", "sk-environment-key-0002")
AIG = "cf-aig-environment-token-0001"
NUMBER = "123456"  # switched authentication off in system 002
ENVIRON = {
    "PROXY_API_KEY": f'["{NUMBER}", "second-token-of-002"]', "AUTH_TOKEN": "token-of-001", "WORKER_ACCESS_KEY": "12345678",
    "OPENAI_API_KEY": ",".join(KEYS), "GROQ_API_KEY": "gsk-environment-key-0001",
    "CLOUDFLARE_ACCOUNT_ID": "acct", "AI_GATEWAY_NAME": "main", "DEFAULT_MODEL": "openai/gpt-4o", "RETRY": "1",
}  # fmt: skip


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """openai lives at the fake provider, groq behind the gateway, which is there as well."""
    vault = {"openai": {"endpoint": f"{provider_of_module.url}/v1"}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gateway, "ORIGIN", provider_of_module.url)
        with RunningProxy(tmp_path_factory.mktemp("home"), vault, environ=ENVIRON) as running:
            yield running
            running.assert_nothing_leaked(*KEYS, AIG, ENVIRON["GROQ_API_KEY"], "second-token-of-002", "token-of-001")


def ask(proxy: RunningProxy, token: str | None, target: str = "/openai/v1/chat/completions", body=CHAT) -> Reply:
    return send(proxy, target, body, headers={"Authorization": f"Bearer {token}"} if token is not None else {})


@pytest.mark.parametrize(
    ("header", "token", "user"),
    [
        ("Authorization", "Bearer " + NUMBER, "proxy-api-key"),
        ("Authorization", "second-token-of-002", "proxy-api-key-2"),
        ("x-goog-api-key", NUMBER, "proxy-api-key"),
        ("X-AUTH-TOKEN", "token-of-001", "auth-token"),
        ("Authorization", "Bearer 12345678", "worker-access-key"),
    ],
)
def test_tokens(proxy: RunningProxy, provider: FakeProvider, header: str, token: str, user: str) -> None:
    assert send(proxy, "/openai/v1/chat/completions", CHAT, headers={header: token}).status == 200
    arrived = provider.wait_for(1)[0]
    assert arrived.header("authorization") in [f"Bearer {key}" for key in KEYS]
    assert token not in str(arrived.headers) and arrived.target == "/v1/chat/completions"
    assert eventually(lambda: f"{user} → openai" in proxy.recorder.log_text())


@pytest.mark.parametrize(
    "token", ["", "1", "12345", "1234567", "proxy-api-key", f'["{NUMBER}", "second-token-of-002"]']
)
def test_a_number_does_not_open_the_door(proxy: RunningProxy, provider: FakeProvider, token: str) -> None:
    assert ask(proxy, token).status in (401, 403)
    assert ask(proxy, None).reason == "missing_token" and provider.arrivals == []


def test_keys_take_turns(proxy: RunningProxy, provider: FakeProvider) -> None:
    for _ in range(4):
        assert ask(proxy, NUMBER).status == 200
    arrived = [arrived.header("authorization") for arrived in provider.wait_for(4)]
    assert sorted(set(arrived)) == [f"Bearer {key}" for key in KEYS] and arrived[:2] == arrived[2:]


def test_retry_takes_the_next_key(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(429, {"Retry-After": "600"})
    assert ask(proxy, NUMBER).status == 200
    arrived = [arrived.header("authorization") for arrived in provider.wait_for(2)]
    assert sorted(arrived) == [f"Bearer {key}" for key in KEYS]


def test_an_open_gateway(proxy: RunningProxy, provider: FakeProvider) -> None:
    headers = {"Authorization": f"Bearer {NUMBER}", "cf-aig-authorization": "Bearer of-the-client"}
    assert send(proxy, "/groq/v1/chat/completions", CHAT, headers=headers).status == 200
    assert ask(proxy, NUMBER, "/groq/v1/embeddings", {"model": "m", "input": "x"}).status == 200
    chat, embeddings = provider.wait_for(2)
    assert chat.target == "/v1/acct/main/compat/chat/completions" and chat.json["model"] == "groq/m-1"
    assert embeddings.target == "/v1/acct/main/groq/embeddings" and embeddings.json["model"] == "m"
    for arrived in (chat, embeddings):
        assert arrived.header("authorization") == f"Bearer {ENVIRON['GROQ_API_KEY']}"
        assert arrived.headers_named("cf-aig-authorization") == []
        assert arrived.headers_named("cf-aig-no-wholesale") == ["true"]


@pytest.mark.parametrize("body", [{"messages": CHAT["messages"]}, CHAT | {"model": "default"}])
def test_the_default_model(proxy: RunningProxy, provider: FakeProvider, body: dict[str, object]) -> None:
    assert ask(proxy, NUMBER, "/v1/chat/completions", body).status == 200
    arrived = provider.wait_for(1)[0]
    assert arrived.target == "/v1/chat/completions" and arrived.json == body | {"model": "gpt-4o"}
    assert arrived.header("content-length") == str(len(arrived.body))


def test_ping_and_lists(proxy: RunningProxy) -> None:
    reply = ask(proxy, NUMBER, "/ping", None)
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, b"Pong", "text/plain; charset=utf-8")
    assert ask(proxy, None, "/ping", None).status == 401
    listed = ask(proxy, NUMBER, "/v1/providers", None).json["data"]
    assert [entry["id"] for entry in listed] == ["openai", "groq"]


def test_a_gateway_with_a_token(proxy: RunningProxy, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CF_AIG_TOKEN", AIG)
    proxy.write_vault({"mistral": {"keys": [{"key": KEYS[0]}]}, "together": {"keys": []}})
    assert ask(proxy, NUMBER, "/mistral/v1/chat/completions").status == 200
    arrived = provider.wait_for(1)[0]
    assert arrived.target == "/v1/acct/main/compat/chat/completions"
    assert arrived.headers_named("cf-aig-authorization") == [f"Bearer {AIG}"]


# -- a process of its own


def test_started_as_system_002(provider: FakeProvider, tmp_path: Path) -> None:
    environ = {"PROXY_API_KEY": NUMBER, "OPENAI_API_KEY": KEYS[0]}
    with Serving(tmp_path / "home", environ=environ) as serving:
        serving.ready()
        assert "tokens accepted from: PROXY_API_KEY\n" in serving.stdout
        assert "keys taken from: OPENAI_API_KEY (openai)\n" in serving.stdout
        assert "providers: demo, openai\n" in serving.stdout
        assert "PROXY_API_KEY holds a token of fewer than 8 characters" in serving.stderr
        token = {"Authorization": f"Bearer {NUMBER}"}
        assert send(serving, "/ping", headers=token).body == b"Pong"
        assert send(serving, "/demo/v1/chat/completions", CHAT, headers=token).status == 200
        assert [send(serving, "/ping", headers=wrong).status for wrong in ({}, {"x-api-key": "1"})] == [401, 403]
        mine = {"openai": {"endpoint": f"{provider.url}/v1", "base_path": "/v1", "env": ["OPENAI_API_KEY"]}}
        (serving.home / "providers.yaml").write_text(json.dumps(mine))
        assert send(serving, "/openai/chat/completions", CHAT, headers=token).status == 200
        assert provider.wait_for(1)[0].header("authorization") == f"Bearer {KEYS[0]}"
        assert serving.end() == 0
        assert KEYS[0] not in serving.stdout + serving.stderr


@pytest.mark.parametrize(
    ("name", "value"), [("PROXY_API_KEY", '["a", 1]'), ("OPENAI_API_KEY", "sk-two\nlines"), ("AI_GATEWAY_NAME", "../x")]
)
def test_a_malformed_variable_is_one_sentence(tmp_path: Path, name: str, value: str) -> None:
    with Serving(tmp_path / "home", environ={name: value}) as serving:
        assert serving.exit() == 1
        (line,) = [line for line in serving.stderr.splitlines() if "created" not in line]
        assert line.startswith(f"mitmvault: {name}: ") and value not in serving.stderr


def test_nobody_gets_in_without_any_token(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "users.json").write_text("{}")
    environ = {"PROXY_API_KEY": " , ", "AUTH_TOKEN": "", "WORKER_ACCESS_KEY": "[]", "OPENAI_API_KEY": KEYS[0]}
    with Serving(home, environ=environ) as serving:
        serving.ready()
        assert "tokens accepted" not in serving.stdout
        for token in ("", ",", "[]", " ", "undefined", "null"):
            reply = send(serving, "/openai/v1/chat/completions", CHAT, headers={"Authorization": f"Bearer {token}"})
            assert reply.status in (401, 403)
        assert serving.end() == 0

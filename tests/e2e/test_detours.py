"""/g/GATEWAY/ and /key/N/ on real sockets: where requests arrive, with which key, and what a replay does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mitmvault.core.route import gateway
from tests.client import CHAT, send
from tests.provider import FakeProvider
from tests.proxy import RunningProxy, key

pytestmark = pytest.mark.e2e
KEYS = [f"sk-detour-canary-key-000{number}" for number in range(4)]
PATH = "/mistral/v1/chat/completions"


@pytest.fixture
def proxy(proxy_of_module: RunningProxy) -> RunningProxy:
    return proxy_of_module


@pytest.fixture(scope="module")
def proxy_of_module(
    provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    """mistral is reached directly and has three usable keys; groq is behind the gateway of the environment."""
    keys = [key(text) for text in KEYS]
    keys[1]["type"] = "expired"
    vault = {"mistral": {"endpoint": f"{provider_of_module.url}/v1", "keys": keys}, "groq": {"keys": [key()]}}
    environ = {"CLOUDFLARE_ACCOUNT_ID": "acct", "AI_GATEWAY_NAME": "main"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gateway, "ORIGIN", provider_of_module.url)
        with RunningProxy(tmp_path_factory.mktemp("home"), vault, environ=environ) as running:
            yield running
            running.assert_nothing_leaked(*KEYS)


def keys_of(provider: FakeProvider, count: int) -> list[str]:
    return [str(arrived.header("authorization")).removeprefix("Bearer ") for arrived in provider.wait_for(count)]


@pytest.mark.parametrize(("choice", "keys"), [("0", [KEYS[0]] * 3), ("1", [KEYS[2]] * 3), ("-1", [KEYS[0], KEYS[2]])])
def test_keys(proxy: RunningProxy, provider: FakeProvider, choice: str, keys: list[str]) -> None:
    for _ in keys:
        assert send(proxy, f"/key/{choice}{PATH}", CHAT).status == 200
    assert sorted(keys_of(provider, len(keys))) == sorted(keys)
    assert {arrived.target for arrived in provider.arrivals} == {"/v1/chat/completions"}


def test_a_choice_leaves_the_other_turns_alone(proxy: RunningProxy, provider: FakeProvider) -> None:
    for _ in range(3):
        assert send(proxy, PATH, CHAT).status == send(proxy, f"/key/0{PATH}", CHAT).status == 200
    found = keys_of(provider, 6)
    assert sorted(found[::2]) == sorted([KEYS[0], KEYS[2], KEYS[3]]) and set(found[1::2]) == {KEYS[0]}


@pytest.mark.parametrize("target", ["/g/other/key/0/groq/v1/chat/completions", "/key/0/g/other/v1/chat/completions"])
def test_a_gateway_and_a_key(proxy: RunningProxy, provider: FakeProvider, target: str) -> None:
    assert send(proxy, target, CHAT | {"model": "groq/m"}).status == 200
    arrived = provider.wait_for(1)[0]
    assert (arrived.target, arrived.json["model"]) == ("/v1/acct/other/compat/chat/completions", "groq/m")
    assert arrived.headers_named("cf-aig-authorization") == []


def test_x_host_final_behind_a_detour(proxy: RunningProxy, provider: FakeProvider) -> None:
    headers = {"Authorization": f"Bearer {proxy.token}", "X-Host-Final": "api.mistral.ai"}
    assert send(proxy, "/key/2/openai/v1/chat/completions", CHAT, headers=headers).status == 200
    assert keys_of(provider, 1) == [KEYS[3]] and provider.arrivals[0].target == "/v1/chat/completions"


@pytest.mark.parametrize(
    ("target", "status", "reason"),
    [
        (f"/key/3{PATH}", 400, "no_such_key"),
        (f"/g/other{PATH}", 400, "no_such_gateway"),
        (f"/g/..%2Fx{PATH}", 400, "bad_path"),
        ("/g/other/nobody/x", 400, "no_provider"),
    ],
)
def test_refused(proxy: RunningProxy, provider: FakeProvider, target: str, status: int, reason: str) -> None:
    reply = send(proxy, target, CHAT)
    assert (reply.status, reply.reason, provider.arrivals) == (status, reason, [])
    assert send(proxy, target, CHAT, headers={}).status in (401, status)


def test_lists_behind_a_detour(proxy: RunningProxy, provider: FakeProvider) -> None:
    assert send(proxy, "/g/other/groq/v1/models").status == 200
    assert provider.wait_for(1)[0].target == "/v1/acct/other/groq/models"
    provider.clear()
    listed = send(proxy, "/key/1/v1/models").json
    assert [error["provider"] for error in listed["errors"]] == ["groq"]  # it has one key
    assert keys_of(provider, 1) == [KEYS[2]]
    assert send(proxy, "/g/other/ping").body == b"Pong"


def test_a_replay_takes_the_same_detour(proxy: RunningProxy, provider: FakeProvider) -> None:
    from mitmproxy import ctx

    assert send(proxy, "/g/other/groq/v1/chat/completions", CHAT).status == 200
    flow = [state for state in proxy.recorder.states if "mitmvault_arrival" in state.metadata][-1]
    proxy.call(lambda: ctx.master.commands.call("replay.client", [flow.copy()]))
    assert provider.wait_for(2)[1].target == "/v1/acct/other/compat/chat/completions"


def test_a_detour_is_of_no_use_inside_a_tunnel(proxy: RunningProxy, provider: FakeProvider) -> None:
    assert send(proxy, "/key/0/v1/chat/completions", CHAT, via="api.mistral.ai").status == 200
    assert provider.wait_for(1)[0].target == "/key/0/v1/chat/completions"

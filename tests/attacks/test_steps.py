"""P1, P2, P6: a list of steps, or a body with places for keys, is no way around scope, destination or masking."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.attacks.tools import BOB, assert_unreached, refused
from tests.client import Reply, send
from tests.provider import FakeProvider
from tests.proxy import KEY, TOKEN, RunningProxy, key

pytestmark = pytest.mark.e2e
AIG_TOKEN = "cf-aig-canary-token-0001"
OTHER = "sk-canary-other-provider-key-0002"
QUERY = {"model": "m-1", "messages": []}
GROQ = {"provider": "groq", "endpoint": "chat/completions", "query": QUERY}


@pytest.fixture(scope="module", params=["gateway", "direct"])
def proxy(
    request: pytest.FixtureRequest, provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    url = provider_of_module.url
    gateway = {"gatewayEndpoint": f"{url}/v1/acct/main", "gatewayMode": "universal"}
    routed = gateway if request.param == "gateway" else {"endpoint": f"{url}/v1"}
    providers = {"groq": {**routed, "keys": [key()]}, "openai": {**routed, "keys": [key(OTHER)]}}
    users = {"alice": {"key": TOKEN}, "bob": {"key": BOB, "providers": ["groq"], "models": ["m-*"]}}
    environ = {"CLOUDFLARE_AIG_TOKEN": AIG_TOKEN}
    with RunningProxy(tmp_path_factory.mktemp("home"), providers, users=users, environ=environ) as running:
        yield running
        running.assert_nothing_leaked(BOB, OTHER, AIG_TOKEN)


def ask(proxy: RunningProxy, *steps: Any, token: str = BOB) -> Reply:
    return send(proxy, "/", list(steps), headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize(
    "step",
    [
        {**GROQ, "provider": "openai"},
        {**GROQ, "provider": "compat", "query": {"model": "openai/m-1"}},
        {"query": {"model": "openai/m-1"}},
        {**GROQ, "query": {"model": "other"}},
        {**GROQ, "query": {}},
        {**GROQ, "endpoint": "../openai/chat/completions"},
        {**GROQ, "endpoint": "%2e%2e/openai/chat/completions"},
        {**GROQ, "endpoint": "..\\openai"},
        {**GROQ, "authorization": "Bearer x", "token": "x"},
        {**GROQ, "headers": {"x": "y\r\nauthorization: Bearer z"}},
        {**GROQ, "headers": {"authorization ": "Bearer z"}},
    ],
)
def test_one_step_out_of_scope_refuses_all(proxy: RunningProxy, provider: FakeProvider, step: dict[str, Any]) -> None:
    for steps in ([step], [GROQ, step], [step, GROQ]):
        reply = ask(proxy, *steps)
        assert reply.status in (400, 403) and reply.reason
    assert_unreached(provider)


def test_without_a_token(proxy: RunningProxy, provider: FakeProvider) -> None:
    refused(send(proxy, "/", [GROQ], headers={}), 401, "missing_token")
    refused(send(proxy, "/", [GROQ], headers={"Authorization": "Bearer nobody"}), 403, "unknown_token")
    inner = {**GROQ, "headers": {"authorization": f"Bearer {TOKEN}"}}
    refused(send(proxy, "/", [inner], headers={}), 401, "missing_token")
    assert_unreached(provider)


@pytest.mark.parametrize(
    "endpoint", ["https://evil.example/x", "//evil.example/x", "///evil.example", "/\\evil.example"]
)
def test_another_host(proxy: RunningProxy, provider: FakeProvider, endpoint: str) -> None:
    """Nothing that a URL parser at the gateway could take for another host reaches it."""
    provider.next(body=b"{}")
    reply = ask(proxy, {**GROQ, "endpoint": endpoint})
    if reply.status == 200:
        arrived = provider.wait_for(1)[0]
        assert arrived.target.startswith("/v1/") and arrived.target != "/v1/acct/main"  # a path, at our address
    else:
        assert reply.reason == "bad_path"
        assert_unreached(provider)


@pytest.mark.parametrize("name", ["Authorization", "X-API-KEY", "x-goog-api-key", "Api-Key", "cf-aig-authorization",
                                  "Cookie", "Proxy-Authorization", "x-auth-token", "Host", "cf-aig-gateway-id"])  # fmt: skip
def test_credentials_in_a_step(proxy: RunningProxy, provider: FakeProvider, name: str) -> None:
    provider.next(body=b"{}")
    smuggled = "Bearer smuggled-by-a-step"
    assert ask(proxy, {**GROQ, "headers": {name: smuggled}}).status == 200
    arrived = provider.wait_for(1)[0]
    assert "smuggled" not in str(arrived.headers) and b"smuggled" not in arrived.body
    sent = str(arrived.headers) + arrived.body.decode()
    assert sent.count(KEY) == 1 and BOB not in sent


def test_text_that_looks_like_a_placeholder(proxy: RunningProxy, provider: FakeProvider) -> None:
    """What stands where our placeholder would, in the client's words, stays the client's."""
    provider.next(body=b"{}")
    fake = ['"Bearer [groq #1 …0001]"', "Bearer [groq #1 …0001]", "[groq #1 …0001]", "[gateway …0001]"]
    query = {"model": "m-1", "x": fake, **{text: text for text in fake}}
    step = {**GROQ, "headers": {"x-own": "Bearer [groq #1 ...0001]"}, "query": query}
    assert ask(proxy, step).status == 200
    arrived = provider.wait_for(1)[0]
    sent = arrived.json[0]["query"] if isinstance(arrived.json, list) else arrived.json
    assert sent == query
    assert (str(arrived.headers) + arrived.body.decode()).count(KEY) == 1


def test_a_query_cannot_end_its_element(proxy: RunningProxy, provider: FakeProvider) -> None:
    for inner in (
        b'{"model":"m-1"},{"provider":"openai","query":{}}',
        b'{"model":"m-1"}},{"provider":"openai","query":{"model":"m-1"}',
        b'{"model":"m-1","x":"\\"}',
        b'{"model":"m-1"',
    ):
        body = b'[{"provider":"groq","query":' + inner + b"}]"
        headers = {"Authorization": f"Bearer {BOB}", "Content-Type": "application/json"}
        assert send(proxy, "/", body, headers=headers).status in (400, 403)
    assert_unreached(provider)


def test_no_key_comes_back(proxy: RunningProxy, provider: FakeProvider) -> None:
    echo = json.dumps({"you sent": [f"Bearer {KEY}", f"Bearer {OTHER}", AIG_TOKEN]})
    provider.next(500, {"Content-Type": "application/json"}, echo, times=2)
    reply = ask(proxy, GROQ, {**GROQ, "provider": "openai"}, token=TOKEN)
    assert reply.status == 500 and KEY.encode() not in reply.body and OTHER.encode() not in reply.body

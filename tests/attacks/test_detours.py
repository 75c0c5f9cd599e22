"""P1, P5: /g/NAME/ and /key/N/ choose among what the operator has. They are no way to anywhere else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.tools import BOB, DECOY, assert_unreached, refused
from tests.client import CHAT, send
from tests.provider import FakeProvider
from tests.proxy import KEY, TOKEN, RunningProxy, key

pytestmark = pytest.mark.e2e
OTHER_KEY = "sk-canary-provider-key-0002"
PATH = "/groq/v1/chat/completions"


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """groq behind a gateway, openai without; bob may use groq alone."""
    url = provider_of_module.url
    vault = {
        "groq": {"gatewayEndpoint": f"{url}/v1/acct/main/compat", "gatewayModelPrefix": "groq",
                 "keys": [key(), key("sk-canary-expired-0001", type="expired")]},
        "openai": {"endpoint": f"{url}/v1", "keys": [key(OTHER_KEY)]},
    }  # fmt: skip
    users = {"alice": {"key": TOKEN}, "bob": {"key": BOB, "providers": ["groq"]}}
    environ = {"CLOUDFLARE_AIG_TOKEN": "cf-aig-canary-0001"}
    settings = "gateways: [tests]\nrate_limit: 50/1h"
    home = tmp_path_factory.mktemp("home")
    with RunningProxy(home, vault, users=users, settings=settings, environ=environ) as running:
        yield running
        running.assert_nothing_leaked(OTHER_KEY, BOB, "cf-aig-canary-0001", "sk-canary-expired-0001")


@pytest.mark.parametrize(
    "name",
    ["..", ".", "main", "../../victim/x", "..%2f..%2fvictim", "%2e%2e", "tests%2f..%2fmain", "tests;x", "tests\\..\\main",
     "tests@evil.example", "tests%00", "TESTS", "tests%20", "", "evil.example", "x" * 65, "{account}"],
)  # fmt: skip
def test_a_gateway_that_nobody_offered(proxy: RunningProxy, provider: FakeProvider, name: str) -> None:
    reply = send(proxy, f"/g/{name}{PATH}", CHAT)
    assert reply.status == 400 and reply.reason in ("no_such_gateway", "no_provider", "bad_path"), reply.body
    assert provider.arrivals == []


def test_the_one_that_is_offered(proxy: RunningProxy, provider: FakeProvider) -> None:
    assert send(proxy, f"/g/tests{PATH}", CHAT).status == 200
    arrived = provider.wait_for(1)[0]
    assert arrived.target == "/v1/acct/tests/compat/chat/completions"
    assert arrived.headers_named("authorization") == [f"Bearer {KEY}"]


@pytest.mark.parametrize("choice", ["1", "1-", "-", "0x0", "99999999999999999999", "-1-0", "%30", "0;1", "%D9%A0"])
def test_an_expired_key_is_not_to_be_had(proxy: RunningProxy, provider: FakeProvider, choice: str) -> None:
    assert send(proxy, f"/key/{choice}{PATH}", CHAT).status == 400 and provider.arrivals == []


@pytest.mark.parametrize("prefix", ["/g/tests", "/g/main", "/key/0", "/key/7", "/g/tests/key/7"])
def test_strangers_and_scopes(proxy: RunningProxy, provider: FakeProvider, prefix: str) -> None:
    before = provider.connections
    target = f"{prefix}/openai/v1/chat/completions"
    refused(send(proxy, target, CHAT, headers={}), 401, "missing_token")
    refused(send(proxy, target, CHAT, headers={"x-api-key": DECOY}), 403, "unknown_token")
    refused(send(proxy, target, CHAT, headers={"x-api-key": BOB}), 403, "provider_not_allowed")
    refused(send(proxy, f"{prefix}/v1/models", headers={}), 401, "missing_token")
    assert_unreached(provider, before)


@pytest.mark.parametrize("target", ["/g/tests/ai.json", "/key/0/ai.json.enc", "/g/tests/key/0/ai.json.enc"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_the_vault_is_not_behind_one(proxy: RunningProxy, target: str, method: str) -> None:
    reply = send(proxy, target, b"x" if method == "PUT" else None, method=method)
    assert reply.status in (400, 404) and reply.reason in ("not_found", "no_provider")


def test_a_detour_is_no_way_around_the_rate_limit(proxy: RunningProxy) -> None:
    statuses = [send(proxy, f"/key/{number}/groq/v1/of-the-limit", b"{}").status for number in range(51)]
    assert statuses[-1] == 429

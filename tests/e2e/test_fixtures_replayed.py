"""Every fixture of tests/fixtures/providers over the wire: what arrives at the provider, and that its answer comes back.

Directly by base URL, directly through HTTPS_PROXY, and at a gateway. The provider is sent what the SDK wrote, but for the
credential (and at the gateway's compat endpoint the model's name); the client is sent what the provider wrote.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests import fixture
from tests.client import send
from tests.fixture import Exchange
from tests.leaks import arrival, leaks
from tests.provider import Arrived, FakeProvider
from tests.proxy import TOKEN, RunningProxy
from tests.worlds import CATALOGUE

pytestmark = pytest.mark.e2e
AIG_TOKEN = "cf-aig-canary-token-0027"
EXCHANGES = fixture.everything()
BY_PROVIDER = {exchange.provider: exchange for exchange in EXCHANGES}
KEYS = {name: f"key-of-{name}-0123456789" for name in BY_PROVIDER}
CARRIERS = ("authorization", "x-api-key", "x-goog-api-key", "api-key")
DOORS = ("base URL", "HTTPS_PROXY")
# What a proxy has to write itself.
FRAMING = ("host", "content-length")


def vault(url: str, way: str) -> dict[str, Any]:
    """Every provider at the fake provider's address, below its own base path."""
    made = {}
    for name, exchange in BY_PROVIDER.items():
        (spec,) = [spec for spec in CATALOGUE.specs if spec.id == name]
        base = urlsplit(str(exchange.vault.get("endpoint") or spec.endpoint)).path
        made[name] = exchange.vault | {"endpoint": url + base, "keys": [{"key": KEYS[name]}]}
        if way == "gateway":
            made[name]["gatewayEndpoint"] = f"{url}/v1/{{account}}/main/compat"
        else:
            made[name].pop("gatewayMode", None)
    if way == "gateway":  # it names their resource and region in the path
        made["azure-openai"]["endpoint"] = BY_PROVIDER["azure-openai"].vault["endpoint"]
        made["aws-bedrock"]["endpoint"] = BY_PROVIDER["aws-bedrock"].vault["endpoint"]
    return made


def cases(way: str) -> pytest.MarkDecorator:
    """The exchanges that have something to say about this way, through the doors they can take."""
    table = [
        pytest.param(door, exchange, id=f"{exchange.label}, {door}")
        for exchange in EXCHANGES
        for door in DOORS
        if way in exchange.data["arrives"] and (exchange.host or door == "base URL")
    ]
    return pytest.mark.parametrize(("door", "exchange"), table)


@pytest.fixture(scope="class")
def proxy(
    request: pytest.FixtureRequest, provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    environ = {"CLOUDFLARE_ACCOUNT_ID": "acct", "CLOUDFLARE_AIG_TOKEN": AIG_TOKEN}
    providers = vault(provider_of_module.url, request.cls.WAY)
    with RunningProxy(tmp_path_factory.mktemp("home"), providers, environ=environ) as running:
        yield running
        running.assert_nothing_leaked(AIG_TOKEN, *KEYS.values())


class TestDirectly:
    WAY = "direct"

    @cases(WAY)
    def test_replay(self, proxy: RunningProxy, provider: FakeProvider, door: str, exchange: Exchange) -> None:
        replay(proxy, provider, self.WAY, door, exchange)


class TestAtTheGateway:
    WAY = "gateway"

    @cases(WAY)
    def test_replay(self, proxy: RunningProxy, provider: FakeProvider, door: str, exchange: Exchange) -> None:
        replay(proxy, provider, self.WAY, door, exchange)


def replay(proxy: RunningProxy, provider: FakeProvider, way: str, door: str, exchange: Exchange) -> None:
    """Send the request, let the provider answer, compare at both ends."""
    via = exchange.host if door == "HTTPS_PROXY" else None
    kind = exchange.data["answer"]["type"]
    middle = len(exchange.answer) // 2
    halves = None if kind == "application/json" else (exchange.answer[:middle], exchange.answer[middle:])
    provider.next(headers={"Content-Type": kind}, body=b"" if halves else exchange.answer, chunks=halves)
    target = exchange.target if via else f"/{exchange.provider}{exchange.target}"
    reply = send(proxy, target, exchange.body, method="POST", headers=exchange.headers(TOKEN), via=via)
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, exchange.answer, kind)
    (arrived,) = provider.wait_for(1)
    assert_arrived(arrived, exchange, exchange.data["arrives"][way], way)


def assert_arrived(arrived: Arrived, exchange: Exchange, wanted: dict[str, Any], way: str) -> None:
    parts = urlsplit(wanted["url"])
    assert arrived.method == "POST"
    assert arrived.target == parts.path + (f"?{parts.query}" if parts.query else "")
    body = exchange.body
    if parts.path.endswith("/compat/chat/completions"):
        asked = json.loads(body)["model"]
        body = body.replace(json.dumps(asked).encode(), json.dumps(wanted["model"]).encode(), 1)
    assert arrived.body == body
    assert leaks({"the user's token": TOKEN}, arrival(arrived)) == []
    name, value = wanted["credential"].split(": ", 1)
    expected = [(header.lower(), text) for header, text in exchange.headers(TOKEN) if header.lower() not in CARRIERS]
    expected.append((name, value.replace(fixture.KEY, KEYS[exchange.provider])))
    if way == "gateway":
        expected += [("cf-aig-authorization", f"Bearer {AIG_TOKEN}"), ("cf-aig-no-wholesale", "true")]
    sent = [(header.lower(), text) for header, text in arrived.headers if header.lower() not in FRAMING]
    assert sorted(sent) == sorted(expected)

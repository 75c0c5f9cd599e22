"""Real requests to every provider of the catalogue, through the decision: where they go, with which credential and model.

What must come out stands in tests/fixtures/providers, by hand, from the providers' and Cloudflare's documentation. Nothing is
sent here; tests/e2e/test_fixtures_replayed.py does.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from mitmvault.core.configuration.world import World
from mitmvault.core.decide import decide
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.verdict import Permit
from tests import fixture
from tests.fixture import Exchange
from tests.worlds import CATALOGUE, COMPAT, TOKENS, arrival, intercepted, world

EXCHANGES = fixture.everything()
VAULTS = {exchange.provider: exchange.vault for exchange in EXCHANGES}
LABELLED = pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.label)


def vault(**more: str) -> dict[str, Any]:
    return {name: fields | more | {"keys": [{"key": f"made-up-{name}-0001"}]} for name, fields in VAULTS.items()}


# `gatewayMode` is for the gateway alone.
DIRECT = world({name: {k: v for k, v in fields.items() if k != "gatewayMode"} for name, fields in vault().items()})
GATEWAY = world(vault(gatewayEndpoint=COMPAT), gateway=True)


def by_base_url(exchange: Exchange) -> Arrival:
    return arrival(f"/{exchange.provider}{exchange.target}", *exchange.headers(TOKENS["alice"]))


def by_proxy(exchange: Exchange) -> Arrival:
    assert exchange.host
    return intercepted(exchange.host, exchange.target, *exchange.headers(TOKENS["alice"]))


def outcome(from_world: World, came: Arrival, exchange: Exchange) -> dict[str, Any]:
    """What is sent, in the fixture's words."""
    permit = decide(from_world, came, exchange.body)
    assert isinstance(permit, Permit), permit
    assert permit.provider == exchange.provider
    assert_body(permit, exchange)
    target = permit.target
    return {
        "url": f"{target.scheme}://{target.authority}{target.path}",
        "credential": f"{permit.key_header}: {permit.key_template.format(fixture.KEY)}",
        "model": permit.model.sent if permit.model else None,
    }


def assert_body(permit: Permit, exchange: Exchange) -> None:
    """The body as it came, but for the model where it has another name."""
    if permit.body is None:
        return
    assert permit.model and permit.target.mode == "compat"
    asked, sent = (json.dumps(name).encode() for name in (permit.model.asked, permit.model.sent))
    assert exchange.body.count(asked) == 1 and permit.body == exchange.body.replace(asked, sent)


@LABELLED
def test_direct_by_base_url(exchange: Exchange) -> None:
    assert outcome(DIRECT, by_base_url(exchange), exchange) == exchange.data["arrives"]["direct"]


@pytest.mark.parametrize("exchange", [e for e in EXCHANGES if e.host], ids=lambda exchange: exchange.label)
def test_direct_by_proxy(exchange: Exchange) -> None:
    assert outcome(DIRECT, by_proxy(exchange), exchange) == exchange.data["arrives"]["direct"]


@pytest.mark.parametrize(
    "exchange", [e for e in EXCHANGES if "gateway" in e.data["arrives"]], ids=lambda exchange: exchange.label
)
def test_through_the_gateway(exchange: Exchange) -> None:
    assert outcome(GATEWAY, by_base_url(exchange), exchange) == exchange.data["arrives"]["gateway"]
    if exchange.host:
        assert outcome(GATEWAY, by_proxy(exchange), exchange) == exchange.data["arrives"]["gateway"]


def test_every_provider_has_fixtures() -> None:
    assert {spec.id for spec in CATALOGUE.specs if not spec.embedded} == set(VAULTS)


def test_every_provider_with_a_name_at_the_gateway_is_tested_there() -> None:
    slugs = {spec.id for spec in CATALOGUE.specs if spec.gateway}
    assert slugs == {exchange.provider for exchange in EXCHANGES if "gateway" in exchange.data["arrives"]}


@LABELLED
def test_the_usage_is_in_the_answer(exchange: Exchange) -> None:
    usage = exchange.data["answer"]["usage"]
    assert {"input", "output"} <= set(usage)
    assert all(str(count).encode() in exchange.answer for count in usage.values())


@LABELLED
def test_no_request_holds_a_real_credential(exchange: Exchange) -> None:
    carriers = [value for name, value in exchange.data["request"]["headers"] if fixture.KEY in value]
    assert len(carriers) == 1 and carriers[0].removeprefix("Bearer ") == fixture.KEY

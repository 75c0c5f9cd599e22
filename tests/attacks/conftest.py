"""Fixtures of the attacks: the proxy under attack, a provider that notes every byte, and the attacker's own host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from tests.attacks.tools import BOB, OK, Evil, resolver
from tests.conftest import standard_providers
from tests.provider import FakeProvider
from tests.proxy import TOKEN, RunningProxy, key

USERS = {"alice": {"key": TOKEN}, "bob": {"key": BOB}}


@pytest.fixture(scope="module")
def wire_of_module() -> Iterator[Evil]:
    with Evil("127.0.0.2", OK) as host:
        yield host


@pytest.fixture
def wire(wire_of_module: Evil) -> Evil:
    """The provider `mistral`: what it received, byte by byte."""
    wire_of_module.clear()
    return wire_of_module


@pytest.fixture
def evil() -> Iterator[Evil]:
    with Evil("127.0.0.3") as host:
        yield host


def providers(provider: FakeProvider, wire: Evil) -> dict[str, object]:
    """The usual ones, and `mistral` at the wire."""
    at_wire = {"endpoint": f"http://{wire.address}:{wire.port}/v1", "keys": [key()]}
    return standard_providers(provider.url) | {"mistral": at_wire}


@pytest.fixture(scope="module")
def proxy(
    provider_of_module: FakeProvider, wire_of_module: Evil, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    """The proxy under attack. At the end nothing that observers saw may hold a key or a token."""
    home = tmp_path_factory.mktemp("home")
    with RunningProxy(home, providers(provider_of_module, wire_of_module), users=USERS) as running:
        yield running
        running.assert_nothing_leaked(BOB)


class Attacked:
    """Base of test classes that need a proxy of their own. Only one can run at a time: such files have no other."""

    settings = ""
    leaks = False  # whether these attacks are known to leave secrets in what observers see
    mode = "regular@127.0.0.1:0"
    names: ClassVar[dict[str, list[str]]] = {}

    @pytest.fixture(scope="class")
    def proxy(
        self, provider_of_module: FakeProvider, wire_of_module: Evil, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[RunningProxy]:
        home, vault = tmp_path_factory.mktemp("home"), providers(provider_of_module, wire_of_module)
        with RunningProxy(home, vault, users=USERS, settings=self.settings, mode=[self.mode]) as running:
            with resolver(running, self.names):
                yield running
            if not self.leaks:
                running.assert_nothing_leaked(BOB)

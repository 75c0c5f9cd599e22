"""A quick sample of the client lab; `scripts/clients` runs all of it, and writes docs/compatibility.md."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests import sdk
from tests.clients.lab import runner
from tests.clients.lab.table import CLIENTS, MODES
from tests.clients.lab.world import World
from tests.provider import FakeProvider

pytestmark = [pytest.mark.e2e, pytest.mark.sdk]

CASES = ["json", "sse", "401", "cancel"]
SAMPLE = [client for client in CLIENTS if client.id in ("requests", "httpx", "urllib", "curl", "node-https")]


@pytest.fixture(scope="module")
def world(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    sdk.require()
    runtimes = {"Python": os.environ[sdk.VARIABLE], "Node": shutil.which("node") or "", "drivers": str(runner.DRIVERS)}
    with World(tmp_path_factory.mktemp("lab"), provider_of_module, runtimes) as running:
        yield running
        assert running.leaked() == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("client", SAMPLE, ids=[client.id for client in SAMPLE])
def test_a_client(world: World, client: runner.Client, mode: str) -> None:
    command = {"Node": "node", "shell": client.id}.get(client.language)
    if command and not shutil.which(command):
        pytest.skip(f"there is no {command} on this machine")
    result = runner.tried(world, client, mode, CASES)
    assert (list(result.cases), result.wrong()) == (CASES, [])
    assert result.version

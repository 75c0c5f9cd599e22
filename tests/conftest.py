"""Fixtures that clean up after themselves."""

from __future__ import annotations

import functools
import hashlib
import os
import signal
from collections.abc import Iterator

import pytest

from tests.provider import FakeProvider
from tests.proxy import UNSET, RunningProxy, key

for _name in UNSET:
    os.environ.pop(_name, None)
# What is started in the background, as on a CI server, inherits that these are ignored: and so would our processes.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
# 100 000 rounds for every look into a vault: a fifth of the suite's time. The same ones give the same, so once will do.
hashlib.pbkdf2_hmac = functools.cache(hashlib.pbkdf2_hmac)


@pytest.fixture(scope="module")
def provider_of_module() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture
def provider(provider_of_module: FakeProvider) -> Iterator[FakeProvider]:
    """A fake provider on loopback; it forgets what arrived between tests."""
    provider_of_module.clear()
    yield provider_of_module


def standard_providers(url: str) -> dict[str, object]:
    """A vault in which the well-known providers live at the fake provider."""
    return {
        "openai": {"endpoint": f"{url}/v1", "keys": [key()], "models": []},
        "anthropic": {"protocol": "anthropic", "endpoint": f"{url}/v1", "keys": [key()]},
        "gemini": {"protocol": "gemini", "endpoint": f"{url}/v1beta", "keys": [key()]},
        "groq": {"endpoint": f"{url}/openai/v1", "keys": [key()]},
        "mine": {"endpoint": f"{url}/deep/base/v9", "keys": [key()]},
    }


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """A proxy in front of the fake provider. At the end nothing that observers saw may hold a key or a token."""
    home = tmp_path_factory.mktemp("home")
    with RunningProxy(home, standard_providers(provider_of_module.url)) as running:
        yield running
        running.assert_nothing_leaked()

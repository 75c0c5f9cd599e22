"""The world of a home, read from its files and the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from mitmvault.core.secret import Secret
from mitmvault.core.settings import SettingsError
from mitmvault.home import configuration, store
from mitmvault.home.layout import Home, HomeError
from tests.proxy import PASSWORD, TOKEN, key

ENVIRON = {"AI_JSON_CRYPTOKEN": PASSWORD}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    store.save_vault_document(made, {"version": 1, "providers": {"mine": {"keys": [key()]}}}, Secret(PASSWORD))
    store.save_users_document(made, {"alice": {"key": TOKEN}})
    return made


def test_files_and_environment(home: Home) -> None:
    home.catalogue.write_text("mine: {hosts: [mine.example]}\n")
    home.settings.write_text("body_limit: 7kb\n")
    environ = ENVIRON | {"CLOUDFLARE_ACCOUNT_ID": "acct", "CLOUDFLARE_AIG_TOKEN": "cf-made-up"}
    world = configuration.load(home, environ, own_ports=frozenset({5}))
    assert world.users.find(TOKEN) and world.vault.providers["mine"].keys
    assert (world.account, world.settings.body_limit, world.own_ports) == ("acct", 7168, frozenset({5}))
    assert world.gateway_token and world.gateway_token.reveal() == "cf-made-up"
    assert {"mine", "openai"} <= set(world.catalogue.by_name)


def test_nothing_but_vault_and_users_is_needed(home: Home) -> None:
    world = configuration.load(home, ENVIRON)
    assert (world.account, world.gateway_token, world.loopback_bind) == (None, None, True)


def test_what_is_wrong_is_said(home: Home) -> None:
    with pytest.raises(HomeError, match="AI_JSON_CRYPTOKEN"):
        configuration.load(home, {})
    home.settings.write_text("bogus: 1\n")
    with pytest.raises(SettingsError, match="bogus"):
        configuration.load(home, ENVIRON)

"""The world of a home, read from its files and the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from mitmvault.core.configuration.environment import VariableError
from mitmvault.core.configuration.settings import SettingsError
from mitmvault.core.secret import Secret
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


def test_tokens_and_keys_of_the_environment(home: Home) -> None:
    environ = ENVIRON | {
        "PROXY_API_KEY": "123456",
        "OPENAI_API_KEY": "sk-1",
        "MINE_KEY": "unused",
        "DEFAULT_MODEL": "m",
        "RETRY": "2",
    }
    home.catalogue.write_text("mine: {env: [MINE_KEY]}\n")
    world = configuration.load(home, environ)
    assert [bool(world.users.find(token)) for token in (TOKEN, "123456", "", "12345")] == [True, True, False, False]
    assert world.sources == {"openai": "OPENAI_API_KEY"} and list(world.vault.providers) == ["mine", "openai"]
    assert (world.settings.default_model, world.settings.retry) == ("m", 2) and len(world.warnings) == 1
    home.settings.write_text("environment_keys: false\ndefault_model: of-the-file\nretry: 0\n")
    world = configuration.load(home, environ)
    assert (world.sources, world.settings.default_model, world.settings.retry) == ({}, "of-the-file", 0)
    assert world.users.find("123456")


def test_a_variable_that_cannot_be_used(home: Home) -> None:
    with pytest.raises(VariableError, match="OPENAI_API_KEY"):
        configuration.load(home, ENVIRON | {"OPENAI_API_KEY": "two\nlines"})


def test_what_the_environment_lends_to_a_vault_without_users(home: Home) -> None:
    home.users.unlink()
    vault = store.load_vault(home, Secret(PASSWORD))
    assert configuration.lent(home, {"GROQ_API_KEY": "gsk-1"}, vault).sources == {"groq": "GROQ_API_KEY"}


def test_without_secrets(tmp_path: Path) -> None:
    (tmp_path / "vault.json").write_text('{"providers": {"mine": {"keys": [{"key": "…a1f3"}]}}}')
    (tmp_path / "users.json").write_text(
        '{"alice": {"key": "…0001"}, "bob": {"models": []}, "eve": {"type": "expired"}}'
    )
    (tmp_path / "mitmvault.yaml").write_text("retry: 2")
    world = configuration.load_plain(tmp_path, {"CLOUDFLARE_ACCOUNT_ID": "acct"})
    assert (world.vault.providers["mine"].keys[0].label, world.settings.retry, world.account) == ("#1 …a1f3", 2, "acct")
    assert world.users.named("alice") and world.users.named("eve") is None
    bob = world.users.named("bob")
    assert bob and bob.models == ()


def test_without_secrets_both_files_are_needed(tmp_path: Path) -> None:
    (tmp_path / "users.json").write_text("{}")
    with pytest.raises(HomeError, match=r"vault\.json"):
        configuration.load_plain(tmp_path, {})

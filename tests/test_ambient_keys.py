"""Provider keys from the environment: for whom, and for whom not."""

from __future__ import annotations

from typing import Any

import pytest

from mitmvault.core.configuration import catalogue, environment, users, vault
from mitmvault.core.configuration.ambient_keys import Lent, lend, variables
from mitmvault.core.secret import Secret
from tests.worlds import CATALOGUE, TOKENS, USERS


def lent(environ: dict[str, str], providers: dict[str, Any] | None = None, known=CATALOGUE) -> Lent:
    people = users.checked(USERS)
    found = environment.read(environ, variables(known))
    people = people.joined((token.user, token.sha256) for token in found.tokens)
    return lend(vault.checked({"providers": providers or {}}), known, found, people)


def secrets(found: Lent, name: str) -> list[Secret]:
    return [key.secret for key in found.vault.providers[name].keys]


def test_a_provider_that_the_vault_does_not_know():
    found = lent({"OPENAI_API_KEY": "sk-1,sk-2", "ANTHROPIC_API_KEY": "sk-3", "GEMINI_API_KEY": "4"})
    assert list(found.vault.providers) == ["openai", "anthropic", "gemini"]
    assert secrets(found, "openai") == [Secret("sk-1"), Secret("sk-2")]
    assert [(key.number, key.owner, key.usable) for key in found.vault.providers["openai"].keys] == [
        (1, "environment", True), (2, "environment", True)
    ]  # fmt: skip
    assert [found.vault.providers[name].protocol for name in found.sources] == ["openai", "anthropic", "gemini"]
    assert found.sources == {
        "openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "gemini": "GEMINI_API_KEY"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "variable", "key"),
    [
        ({"GEMINI_API_KEY": "a", "GOOGLE_API_KEY": "b"}, "GEMINI_API_KEY", "a"),
        ({"GEMINI_API_KEY": " ", "GOOGLE_API_KEY": "b"}, "GOOGLE_API_KEY", "b"),
    ],
)
def test_the_first_variable_that_is_set(environ, variable, key):
    found = lent(environ)
    assert found.sources == {"gemini": variable} and secrets(found, "gemini") == [Secret(key)]


@pytest.mark.parametrize(
    ("entry", "keys"),
    [
        ({"keys": [{"key": "sk-of-the-vault"}]}, ["sk-of-the-vault"]),
        ({"keys": [{"key": "sk-of-the-vault", "type": "expired"}]}, ["sk-of-the-vault"]),
        ({"keys": []}, ["sk-1"]),
        ({}, ["sk-1"]),
    ],
)
def test_the_vault_wins_where_it_has_keys(entry, keys):
    entry = entry | {"endpoint": "https://mine.example/v1", "models": [{"id": "m"}]}
    found = lent({"OPENAI_API_KEY": "sk-1"}, {"openai": entry})
    assert secrets(found, "openai") == [Secret(key) for key in keys]
    assert found.vault.providers["openai"].endpoint == "https://mine.example/v1"
    assert [model.id for model in found.vault.providers["openai"].models] == ["m"]


def test_an_entry_under_another_name_of_the_provider():
    found = lent({"GEMINI_API_KEY": "1"}, {"google": {}})
    assert list(found.vault.providers) == ["google"] and found.sources == {"google": "GEMINI_API_KEY"}
    two = {"claude": {"keys": [{"key": "sk-of-the-vault"}]}, "anthropic": {}}
    assert lent({"ANTHROPIC_API_KEY": "1"}, two).sources == {}


def test_a_provider_without_an_address_is_none():
    assert lent({"AZURE_OPENAI_API_KEY": "k"}).sources == {}
    azure = {"azure-openai": {"endpoint": "https://r.openai.azure.com"}}
    assert lent({"AZURE_OPENAI_API_KEY": "k"}, azure).sources == {"azure-openai": "AZURE_OPENAI_API_KEY"}


@pytest.mark.parametrize("token", [TOKENS["alice"], TOKENS["erin"], "of-the-environment"])
def test_a_user_token_is_no_provider_key(token):
    found = lent({"OPENAI_API_KEY": f"{token},sk-1", "GROQ_API_KEY": token, "PROXY_API_KEY": "of-the-environment"})
    assert secrets(found, "openai") == [Secret("sk-1")] and list(found.vault.providers) == ["openai"]
    assert ["OPENAI_API_KEY" in text or "GROQ_API_KEY" in text for text in found.warnings] == [True, True]
    assert token not in str(found.warnings)


def test_every_variable_belongs_to_one_provider():
    names = list(variables(CATALOGUE))
    assert len(names) == len(set(names)) > 20 and not set(names) & set(environment.NAMES)


def test_a_provider_of_the_operators_own():
    known = catalogue.load("mine: {endpoint: https://mine.example/v1, env: [MY_KEY]}")
    assert lent({"MY_KEY": "1"}, known=known).sources == {"mine": "MY_KEY"}

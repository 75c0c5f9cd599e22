"""Keys on their way into the vault: whose, from where, beside which, and never twice."""

from __future__ import annotations

import pytest

from mitmvault.core.configuration.dummy_keys import dummy
from mitmvault.core.configuration.vault import VaultError
from mitmvault.core.secret import Secret
from mitmvault.home import provider_keys, start, store
from mitmvault.home.layout import Home, HomeError
from mitmvault.home.provider_keys import Stored, Typed

CRYPTOKEN = "made-up-crypto-token"
ENVIRON = {"AI_JSON_CRYPTOKEN": CRYPTOKEN, "LOGNAME": "alice"}
KEY, OTHER = "sk-made-up-key-000000000001", "sk-made-up-key-000000000002"


@pytest.fixture
def home(tmp_path) -> Home:
    made = Home(tmp_path / "home")
    start.ensure(made, ENVIRON)
    return made


def vault(home: Home) -> dict:
    return store.load_vault_document(home, Secret(CRYPTOKEN))["providers"]


def with_providers(home: Home, **entries) -> None:
    store.save_vault_document(home, {"version": 1, "note": "kept", "providers": entries}, Secret(CRYPTOKEN))


def typed(provider: str, value: str = KEY) -> Typed:
    return Typed(provider, Secret(value))


@pytest.mark.parametrize("exists", [True, False])
def test_what_the_environment_offers(home, tmp_path, exists):
    at = home if exists else Home(tmp_path / "new")
    environ = ENVIRON | {"OPENAI_API_KEY": KEY, "GROQ_API_KEY": dummy("gsk_{52}", "alice"), "AZURE_OPENAI_API_KEY": "x"}
    assert dict(provider_keys.offered(at, environ)) == {"openai": "OPENAI_API_KEY"}


def test_keys_of_the_environment(home):
    environ = ENVIRON | {"OPENAI_API_KEY": f"{KEY},{OTHER}", "ANTHROPIC_API_KEY": "sk-ant-x", "GROQ_API_KEY": "gsk_x"}
    assert provider_keys.put(home, environ, ["openai", "anthropic"], []) == (
        Stored("openai", "#1 …0001", "OPENAI_API_KEY", True),
        Stored("openai", "#2 …0002", "OPENAI_API_KEY", True),
        Stored("anthropic", "#1 …", "ANTHROPIC_API_KEY", True),
    )
    found = vault(home)
    assert set(found) == {"demo", "openai", "anthropic"} and found["anthropic"]["protocol"] == "anthropic"
    assert found["openai"]["keys"] == [{"key": KEY, "owner": "alice"}, {"key": OTHER, "owner": "alice"}]
    assert provider_keys.offered(home, environ) == {"groq": "GROQ_API_KEY"}


def test_the_vault_wins(home):
    with_providers(home, openai={"keys": [{"key": OTHER, "type": "expired"}]})
    assert provider_keys.put(home, ENVIRON | {"OPENAI_API_KEY": KEY}, ["openai"], []) == ()
    assert [key["key"] for key in vault(home)["openai"]["keys"]] == [OTHER]


def test_typed_keys_go_beside_the_others_and_unknown_fields_stay(home):
    with_providers(home, openai={"keys": [{"key": OTHER, "quota": 7}], "mine": [1]}, own={"endpoint": "https://x.test"})
    stored = provider_keys.put(home, ENVIRON, [], [typed("openai"), typed("own"), typed("google")])
    assert [(key.provider, key.label, key.added) for key in stored] == [
        ("openai", "#2 …0001", True), ("own", "#1 …0001", True), ("gemini", "#1 …0001", True)
    ]  # fmt: skip
    assert vault(home)["openai"] == {"keys": [{"key": OTHER, "quota": 7}, {"key": KEY, "owner": "alice"}], "mine": [1]}
    assert store.load_vault_document(home, Secret(CRYPTOKEN))["note"] == "kept"


def test_an_entry_under_another_name_of_the_provider(home):
    with_providers(home, google={"protocol": "gemini"})
    provider_keys.put(home, ENVIRON, [], [typed("gemini")])
    assert vault(home) == {"google": {"protocol": "gemini", "keys": [{"key": KEY, "owner": "alice"}]}}


@pytest.mark.parametrize("kind, label", [("paid", "#1 …0001"), ("Expired", "#1 …0001 (expired)")])
def test_the_same_key_is_kept_once_and_nothing_is_written(home, kind, label):
    with_providers(home, openai={"keys": [{"key": KEY, "type": kind}]})
    before = home.vault.read_bytes()
    assert provider_keys.put(home, ENVIRON, [], [typed("openai")]) == (Stored("openai", label, None, False),)
    assert home.vault.read_bytes() == before


@pytest.mark.parametrize(
    "name, said",
    [
        ("grok1", "did you mean grok"),
        ("zzzzzz", "needs an endpoint in the vault"),
        ("demo", "part of mitmvault"),
        ("azure", "address of your own"),
    ],
)
def test_providers_that_cannot_have_one(home, name, said):
    before = home.vault.read_bytes()
    with pytest.raises(HomeError, match=said):
        provider_keys.check(home, ENVIRON, name)
    with pytest.raises(HomeError, match=said):
        provider_keys.put(home, ENVIRON, [], [typed("groq"), typed(name)])
    assert home.vault.read_bytes() == before


def test_a_home_that_is_not_there_yet_knows_the_catalogue(tmp_path):
    provider_keys.check(Home(tmp_path / "new"), {}, "groq")
    with pytest.raises(HomeError, match="did you mean"):
        provider_keys.check(Home(tmp_path / "new"), {}, "groqq")


def test_tokens_are_no_keys(home):
    token = next(iter(store.load_users_document(home).values()))["key"]
    for value in (token, dummy("gsk_{52}", "alice")):
        with pytest.raises(HomeError, match="not a key of the provider") as caught:
            provider_keys.put(home, ENVIRON, [], [typed("groq", value)])
        assert value not in str(caught.value)


def test_what_is_no_header_is_not_quoted(home):
    before = home.vault.read_bytes()
    with pytest.raises(VaultError, match=r"providers.groq.keys\[0\].key") as caught:
        provider_keys.put(home, ENVIRON, [], [typed("groq", "gsk_sécret")])
    assert "cret" not in str(caught.value) and home.vault.read_bytes() == before


def test_an_edit_at_the_same_time_is_not_lost(home, monkeypatch):
    seal = store.seal
    monkeypatch.setattr(store, "seal", lambda *given: home.vault.write_bytes(b"another's") and seal(*given))
    with pytest.raises(HomeError, match="has changed"):
        provider_keys.put(home, ENVIRON, [], [typed("groq")])
    assert home.vault.read_bytes() == b"another's"

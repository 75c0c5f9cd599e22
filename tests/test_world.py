"""Names and hosts of providers, as the vault and the catalogue together make them."""

from __future__ import annotations

import pytest

from tests.worlds import PROVIDERS, world

WORLD = world()
KEYS = [{"key": "made-up-key-0000000001"}]


@pytest.mark.parametrize(
    ("asked", "name", "spec", "has_entry"),
    [
        ("groq", "groq", "groq", True),
        ("google", "gemini", "gemini", True),
        ("google-ai-studio", "gemini", "gemini", True),
        ("mine", "mine", "mine", True),
        ("openrouter", "openrouter", "openrouter", False),
        ("morphllm", "morph", "morph", False),
    ],
)
def test_by_name(asked, name, spec, has_entry):
    known = WORLD.providers[asked]
    assert (known.name, known.spec.id, known.entry is not None) == (name, spec, has_entry)


def test_an_entry_under_an_alias_serves_every_name():
    made = world({"google-ai-studio": {"keys": KEYS}})
    assert {made.providers[name].name for name in ("gemini", "google", "google-ai-studio")} == {"google-ai-studio"}
    assert made.hosts["generativelanguage.googleapis.com"].entry is not None


def test_an_entrys_own_name_beats_an_alias():
    made = world({"anthropic": {"keys": KEYS}, "claude": {"keys": KEYS}})
    assert (made.providers["claude"].name, made.providers["anthropic"].name) == ("claude", "anthropic")
    assert made.hosts["api.anthropic.com"].name == "anthropic"


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("https://LLM.example:8443/v1", "llm.example"),
        ("https://llm.example./v1", "llm.example"),
        ("http://localhost:11434", None),
        ("http://127.0.0.1:11434", None),
        ("https://10.0.0.5/v1", None),
        ("https://93.184.216.34/v1", None),
        ("https://[2606:4700::1]/v1", None),
    ],
)
def test_hosts_of_the_vault(endpoint, host):
    made = world({"mine": {"endpoint": endpoint, "keys": KEYS}})
    assert {name for name, known in made.hosts.items() if known.name == "mine"} == ({host} if host else set())


def test_the_catalogue_keeps_its_hosts():
    made = world({"mine": {"endpoint": "https://api.openai.com/v1", "keys": KEYS}})
    assert made.hosts["api.openai.com"].spec.id == "openai"


@pytest.mark.parametrize(
    ("host", "port", "name"),
    [
        ("api.groq.com", 443, "groq"),
        ("api.groq.com", 80, "groq"),
        ("api.groq.com", 8443, None),
        ("llm.example", 8443, "mine"),
        ("llm.example", 8444, None),
        ("evil.example", 443, None),
        ("", 443, None),
    ],
)
def test_at(host, port, name):
    found = WORLD.at(host, port)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("name", "more", "endpoint"),
    [
        ("groq", {}, "https://api.groq.com/openai/v1"),
        ("openai", {}, "https://api.openai.com/v1"),
        ("mine", {}, "https://llm.example:8443/deep/v9"),
        ("homeless", {}, None),
        ("demo", {}, None),
        ("demo", {"embedded": {"demo": "http://127.0.0.1:1"}}, "http://127.0.0.1:1"),
    ],
)
def test_endpoint_of(name, more, endpoint):
    made = world(**more)
    assert made.endpoint_of(made.providers[name]) == endpoint


@pytest.mark.parametrize(
    ("text", "loopback", "tunnels"),
    [("", True, True), ("", False, False), ("unmatched: tunnel", False, True), ("unmatched: refuse", True, False)],
)
def test_tunnels_unmatched(text, loopback, tunnels):
    assert world(PROVIDERS, configured=text, loopback_bind=loopback).tunnels_unmatched is tunnels


@pytest.mark.parametrize(
    ("vault_endpoint", "named", "destination"),
    [
        (None, "eu.api.openai.com", "https://eu.api.openai.com/v1"),
        (None, "api.openai.com", "https://api.openai.com/v1"),
        ("https://own.example/v1", "eu.api.openai.com", "https://own.example/v1"),
    ],
)
def test_a_host_of_the_catalogue_stays_the_destination(vault_endpoint, named, destination):
    made = world({"openai": {"keys": KEYS} | ({"endpoint": vault_endpoint} if vault_endpoint else {})})
    assert made.endpoint_of(made.host(named)) == destination


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("anything.openai.azure.com", "azure-openai"),
        ("two.labels.openai.azure.com", None),
        ("openai.azure.com", None),
        ("x.openai.azure.com.evil.example", None),
        ("bedrock-runtime.us-east-1.amazonaws.com", "aws-bedrock"),
        ("s3.us-east-1.amazonaws.com", None),
        ("us-central1-aiplatform.googleapis.com", "google-vertex-ai"),
        ("storage.googleapis.com", None),
        ("", None),
    ],
)
def test_patterns_of_hosts(host, name):
    found = world().host(host)
    assert (found.name if found else None) == name


def test_the_account_stands_in_an_endpoint():
    made = world({"x": {"endpoint": "https://x.example/{account}/v1", "keys": KEYS}}, account="a/b")
    assert made.endpoint_of(made.providers["x"]) == "https://x.example/a%2Fb/v1"
    assert made.providers["x"].spec.base_path == "/a%2Fb/v1"
    assert world(account=None).endpoint_of(world(account=None).providers["workers-ai"]) is None

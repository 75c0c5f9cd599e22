"""The catalogue: what it takes, what it refuses; and the one that ships."""

from __future__ import annotations

import pytest

from mitmvault.core.configuration.catalogue import load
from mitmvault.core.configuration.spec_fields import CatalogueError
from tests.worlds import CATALOGUE


@pytest.mark.parametrize("text", ["", "---\n", "# nothing\n", "{}"])
def test_nothing(text):
    assert load(text).specs == ()


def test_a_later_text_replaces_and_adds():
    both = load("a: {hosts: [a.example], aliases: [x]}\nb: {}", "a: {aliases: [y]}\nc: {hosts: [a.example]}")
    assert set(both.by_name) == {"a", "y", "b", "c"}
    assert both.by_host["a.example"].id == "c"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: {bogus: 1}", ["a", "bogus", "base_path"]),
        ("a: {id: b}", ["a", "id"]),
        ("a: {auth: [{scheme: bearer, wen: /x}]}", ["a.auth", "wen", "when"]),
        ("a: {errors: [{shap: openai}]}", ["a.errors", "shap"]),
        ("a: {gateway: {slug: x, keep: true}}", ["a.gateway", "keep", "keep_base"]),
        ("a: {auth: [{scheme: digest}]}", ["a.auth", "digest", "bearer"]),
        ("a: {errors: [{shape: cohere}]}", ["a.errors", "cohere", "anthropic"]),
        ("a: {auth: []}", ["a.auth", "when"]),
        ("a: {auth: [{scheme: bearer, when: /x}]}", ["a.auth", "when"]),
        ("a: {errors: [{shape: openai, when: /x}]}", ["a.errors", "when"]),
        ("a: {usage: [{shape: gemini}]}", ["a.usage", "gemini", "anthropic"]),
        ("a: {usage: [{shape: openai, when: /x}]}", ["a.usage", "when"]),
        ("a: {prices: [openai]}", ["a.prices"]),
        ("a: {auth: bearer}", ["a.auth", "list"]),
        ("a: {auth: [bearer]}", ["a.auth", "mapping"]),
        ("a: {gateway: slug}", ["a.gateway", "mapping"]),
        ("a: {hosts: [a.example]}\nb: {hosts: [a.example]}", ["a", "b", "a.example"]),
        ("a: {aliases: [x]}\nb: {aliases: [x]}", ["a", "b", "x"]),
        ("a: {aliases: [b]}\nb: {}", ["a", "b"]),
        ("a: {aliases: [x, x]}", ["x"]),
        ("a: {hosts: a.example}", ["a.hosts", "list"]),
        ("a: {hosts: [5]}", ["a.hosts", "5"]),
        ("a: {hosts: [A.example]}", ["a.hosts", "A.example"]),
        ("a: {hosts: ['a.example.']}", ["a.hosts"]),
        ("a: {base_path: v1}", ["a.base_path"]),
        ("a: {base_path: /v1/}", ["a.base_path"]),
        ("a: {base_path: '/v1?x'}", ["a.base_path"]),
        ("a: {chat_base: openai}", ["a.chat_base"]),
        ("a: 5", ["a", "mapping"]),
        ("a:", ["a", "mapping"]),
        ("'a/b': {}", ["a/b"]),
        ("'': {}", ["name"]),
        ("[1, 2]", ["map"]),
        ("just text", ["map"]),
        ("a: {", ["YAML"]),
    ],
)
def test_refused(text, words):
    with pytest.raises(CatalogueError) as caught:
        load(text)
    assert all(word in str(caught.value) for word in words), str(caught.value)


# The eight providers of reference system 003, with every name it knew them by.
REFERENCE = {
    "groq": ("api.groq.com", ["groq"], "authorization"),
    "sambanova": ("api.sambanova.ai", ["sambanova", "sambanova-ai"], "authorization"),
    "anthropic": ("api.anthropic.com", ["anthropic"], "x-api-key"),
    "openai": ("api.openai.com", ["openai"], "authorization"),
    "gemini": ("generativelanguage.googleapis.com", ["gemini", "google-ai-studio"], "x-goog-api-key"),
    "mistral": ("api.mistral.ai", ["mistral"], "authorization"),
    "openrouter": ("openrouter.ai", ["openrouter"], "authorization"),
    "morph": ("api.morphllm.com", ["morph"], "authorization"),
}


@pytest.mark.parametrize("name", REFERENCE)
def test_the_providers_of_the_reference(name):
    host, names, header = REFERENCE[name]
    spec = CATALOGUE.by_host[host]
    assert [CATALOGUE.by_name[alias] for alias in names] == [spec] * len(names)
    assert spec.endpoint == f"https://{host}{spec.base_path}" and spec.base_path
    assert spec.auth_for("/v1/messages").header == header
    assert spec.gateway is not None


def test_the_demo_provider_lives_here():
    assert CATALOGUE.by_name["demo"].embedded and CATALOGUE.by_name["demo"].endpoint is None
    assert [spec.id for spec in CATALOGUE.specs if spec.embedded] == ["demo"]


@pytest.mark.parametrize("text", ["[]", "0", "false", "''"])
def test_a_document_that_is_no_mapping(text):
    with pytest.raises(CatalogueError):
        load(text)


def test_a_provider_written_twice():
    with pytest.raises(CatalogueError):
        load("a: {hosts: [a.example]}\na: {hosts: [b.example]}")

"""The catalogue: what it takes, what it refuses; and the one that ships."""

from __future__ import annotations

import pytest

from mitmvault.core.configuration.catalogue import Auth, CatalogueError, Gateway, filled, load
from mitmvault.core.configuration.model_list import ModelList
from tests.worlds import CATALOGUE

FULL = """
mine:
  name: Mine
  aliases: [my-llm]
  hosts: [llm.example]
  endpoint: https://llm.example/api/v2
  base_path: /api/v2
  spellings: [/v2]
  versions: [/v3]
  chat_base: /openai
  auth: [{scheme: x-api-key, when: /messages}, {scheme: bearer}]
  errors: [{shape: anthropic, when: /messages}, {shape: google}]
  model_in_path: ["/models/{model}:"]
  gateway: {slug: custom-mine, keep_base: true}
"""


def test_everything_is_read():
    spec = load(FULL).by_name["my-llm"]
    assert (spec.id, spec.name, spec.names, spec.hosts) == ("mine", "Mine", ("mine", "my-llm"), ("llm.example",))
    assert [len(spelt) for spelt, _ in spec.bases] == [7, 7, 3, 3]
    assert dict(spec.bases) == {"/openai": "/openai", "/api/v2": "/api/v2", "/v2": "/api/v2", "/v3": "/v3"}
    assert spec.auth_for("/v2/messages") == Auth("x-api-key", "/messages")
    assert (spec.auth_for("/v2/chat").header, spec.auth_for("/v2/chat").template) == ("authorization", "Bearer {}")
    assert (spec.shape_for("/messages"), spec.shape_for("/")) == ("anthropic", "google")
    assert spec.gateway == Gateway("custom-mine", True) and not spec.embedded


def test_defaults():
    spec = load("mine: {}").by_name["mine"]
    assert (spec.names, spec.bases, spec.endpoint, spec.gateway) == (("mine",), (), None, None)
    assert spec.auth_for("/x").scheme == "bearer" and spec.shape_for("/x") == "openai"


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


# --- what was wrong once ---


@pytest.mark.parametrize(
    "endpoint",
    ["http://api.example/v1", "https://u:p@api.example", "ftp://api.example", "api.example", "https://a.example?x=1"],
)
def test_an_endpoint_that_the_vault_would_not_take(endpoint):
    with pytest.raises(CatalogueError):
        load(f"a: {{endpoint: '{endpoint}'}}")


def test_an_empty_host():
    with pytest.raises(CatalogueError):
        load("a: {hosts: ['']}")


@pytest.mark.parametrize("host", ["a.example:443", "https://a.example"])
def test_a_host_with_a_port_or_a_scheme(host):
    with pytest.raises(CatalogueError):
        load(f"a: {{hosts: ['{host}']}}")


@pytest.mark.parametrize(
    "text",
    [
        "a: {base_path: 5}",
        "a: {auth: [{}]}",
        "a: {auth: [{scheme: [x]}]}",
        "a: {errors: [{}]}",
        "a: {gateway: {keep_base: true}}",
    ],
)
def test_wrong_types(text):
    with pytest.raises(CatalogueError):
        load(text)


@pytest.mark.parametrize(
    "text",
    ["a: {endpoint: 5}", "a: {name: 5}", "a: {versions: [v1]}", "a: {spellings: ['/v1/']}",
    "a: {model_in_path: ['/models/']}", "a: {model_in_path: ['/models/{model}?']}",
     "a: {model_in_path: [5]}", "a: {hosts: ['*.example']}", "a: {hosts: [x.*.example]}", "a: {hosts: [a.*]}",
     "a: {gateway: {slug: x, labels: -1}}", "a: {gateway: {slug: x, labels: true}}", "a: {gateway: {slug: x, compat: /y}}", "a: {auth: [{scheme: bearer, when: 5}, {scheme: bearer}]}", "a: {gateway: {slug: 5}}",
     "a: {aliases: ['x/y']}", "a: {embedded: maybe}"],
)  # fmt: skip
def test_wrong_values(text):
    with pytest.raises(CatalogueError):
        load(text)


@pytest.mark.parametrize("text", ["[]", "0", "false", "''"])
def test_a_document_that_is_no_mapping(text):
    with pytest.raises(CatalogueError):
        load(text)


def test_a_provider_written_twice():
    with pytest.raises(CatalogueError):
        load("a: {hosts: [a.example]}\na: {hosts: [b.example]}")


def test_an_endpoint_decides_the_stars():
    text = "a: {base_path: /v1/projects/*/places/*, versions: [/v2/projects/*/places/*], chat_base: /v1/projects/*/x}"
    spec = load(text).by_name["a"]
    assert filled(spec, "/v1") == filled(spec, "/v1/projects/p/other/q") == filled(spec, "") == spec
    own = filled(spec, "/v1/projects/p/places/q")
    assert (own.base_path, own.versions) == ("/v1/projects/p/places/q", ("/v2/projects/p/places/q",))
    assert own.chat_base == "/v1/projects/p/x" and dict(own.bases)["/v2/projects/*/places/*"] == own.versions[0]
    assert filled(spec, "/v2/projects/p/places/q") == own


@pytest.mark.parametrize("hosts", ["['*.llm.example']", "['*-east.llm.example']", "[x.*.llm.example]"])
def test_patterns_of_hosts(hosts):
    assert "*" in load(f"a: {{hosts: {hosts}}}").by_name["a"].hosts[0]


@pytest.mark.parametrize(
    "value",
    ["true", "x", "{path: models}", "{path: '/a b'}", "{other: 1}", "{headers: {a: 1}}", "{headers: {a: \"x\\ny\"}}",
     "{headers: {'a b': x}}", "{id: 1}"],
)  # fmt: skip
def test_a_list_of_models_is_described_plainly(value: str) -> None:
    good = load('x: {list: {path: "/models?a=b", items: "", headers: {a: "2023-01-01"}}}').by_name["x"]
    assert good.list == ModelList("/models?a=b", "", headers=(("a", "2023-01-01"),))
    assert load("x: {list: false}").by_name["x"].list is None
    with pytest.raises(CatalogueError, match=r"x\.list"):
        load(f"x: {{list: {value}}}")

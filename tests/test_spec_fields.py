"""What the fields of a provider may be, and what they may not."""

from __future__ import annotations

import pytest

from mitmvault.core.configuration.catalogue import load
from mitmvault.core.configuration.model_list import ModelList
from mitmvault.core.configuration.spec_fields import CatalogueError, is_name


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


@pytest.mark.parametrize(
    ("value", "right"), [("a", True), ("a.b-c_d", True), ("", False), ("a/b", False), ("-a", False), (5, False)]
)
def test_names(value, right):
    assert is_name(value) is right

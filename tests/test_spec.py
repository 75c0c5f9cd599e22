"""What a provider's entry means: base paths, schemes, shapes."""

from __future__ import annotations

from mitmvault.core.configuration.catalogue import load
from mitmvault.core.configuration.spec import Auth, Gateway, filled

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


def test_an_endpoint_decides_the_stars():
    text = "a: {base_path: /v1/projects/*/places/*, versions: [/v2/projects/*/places/*], chat_base: /v1/projects/*/x}"
    spec = load(text).by_name["a"]
    assert filled(spec, "/v1") == filled(spec, "/v1/projects/p/other/q") == filled(spec, "") == spec
    own = filled(spec, "/v1/projects/p/places/q")
    assert (own.base_path, own.versions) == ("/v1/projects/p/places/q", ("/v2/projects/p/places/q",))
    assert own.chat_base == "/v1/projects/p/x" and dict(own.bases)["/v2/projects/*/places/*"] == own.versions[0]
    assert filled(spec, "/v2/projects/p/places/q") == own

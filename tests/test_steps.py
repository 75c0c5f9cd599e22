"""A client's own list of steps: whose each is, what is kept of it, who tries them."""

from __future__ import annotations

import gzip
import json

import pytest

from mitmvault.core.decide import decide
from mitmvault.core.refusal import Refusal
from mitmvault.core.route.keys import Rotation
from mitmvault.core.route.universal import MOST, in_turn
from mitmvault.core.verdict import Permit
from tests.worlds import COMPAT, JSON, PROVIDERS, arrival, bearer, through_gateway, world

AZURE = {"endpoint": "https://mine.openai.azure.com", "keys": [{"key": "made-up-azure-0001"}]}
GATEWAY = through_gateway(
    providers={"workers-ai": {"keys": [{"key": "made-up-cloudflare-0001"}]}, "azure-openai": AZURE}
)
DIRECT = world({**PROVIDERS, "azure-openai": AZURE})
QUERY = {"model": "small-1", "messages": []}
GROQ = {"provider": "groq", "endpoint": "chat/completions", "query": QUERY}


def permit_for(steps, made=GATEWAY, user: str = "alice", *headers: tuple[str, str]):
    body = steps if isinstance(steps, bytes) else json.dumps(steps).encode()
    return decide(made, arrival("/", bearer(user), JSON, *headers), body)


def elements(steps, *arguments) -> list[dict]:
    permit = permit_for(steps, *arguments)
    assert isinstance(permit, Permit), permit
    assert permit.target.path == "/v1/acct/main" and permit.others == () and permit.step is None
    return json.loads(in_turn(permit, Rotation().order).body)


def test_one_gateway_gets_them_all():
    steps = [
        {**GROQ, "headers": {"Authorization": "Bearer theirs", "x-api-key": "theirs", "cf-aig-cache-ttl": 60,
                             "Content-Length": "7", "x-own": "1"}, "config": {"maxAttempts": 2}},
        {"provider": "anthropic", "endpoint": "v1/messages", "query": QUERY, "authorization": "Bearer theirs"},
        {**GROQ, "endpoint": "embeddings?a=1"},
        {"provider": "google-ai-studio", "endpoint": "v1beta/models/small-2:generateContent", "query": {}},
    ]  # fmt: skip
    first, second, third, fourth = elements(steps, GATEWAY, "alice", ("anthropic-version", "v"))
    json_type = {"content-type": "application/json", "anthropic-version": "v"}
    assert first == {
        "provider": "groq",
        "endpoint": "chat/completions",
        "headers": {"authorization": "Bearer [groq #1 …0001]", **json_type, "x-own": "1", "cf-aig-cache-ttl": "60"},
        "config": {"maxAttempts": 2},
        "query": QUERY,
    }
    assert (second["provider"], second["headers"]) == ("anthropic", {"x-api-key": "[anthropic #1 …0001]", **json_type})
    assert (third["endpoint"], third["headers"]["authorization"]) == ("embeddings?a=1", "Bearer [groq #3 …0003]")
    assert fourth["provider"] == "google-ai-studio" and fourth["query"] == {}
    assert fourth["endpoint"] == "v1beta/models/small-2:generateContent"


def test_headers_of_a_step_are_not_those_of_all():
    permit = permit_for([{**GROQ, "headers": {"x-own": "1", "cf-aig-skip-cache": True}}, GROQ])
    assert dict(permit.headers) == {"cf-aig-no-wholesale": "true", "content-type": "application/json"}
    assert permit.steps[0].headers[-1] == ("cf-aig-skip-cache", "true")
    assert permit.steps[1].headers == (("content-type", "application/json"),)


def test_a_query_is_embedded_as_it_is():
    query = b'{ "model" :"small-1",\t"x":"\\u00e9 [groq #1 \xe2\x80\xa60001]"  }'
    permit = permit_for(b' [ {"query": ' + query + b' ,"provider":"groq"} ] ')
    assert permit.steps[0].query == query and permit.steps[0].endpoint == "chat/completions"


@pytest.mark.parametrize(
    ("step", "provider", "endpoint", "model"),
    [
        ({"provider": "compat", "query": {"model": "groq/llama"}}, "compat", "chat/completions", "groq/llama"),
        ({"provider": "compat", "query": {"model": "groq/groq/compound"}}, "compat", "chat/completions",
         "groq/groq/compound"),
        ({"provider": "compat", "query": {"model": "google/g"}}, "compat", "chat/completions", "google-ai-studio/g"),
        ({"provider": "compat", "endpoint": "v1/chat/completions", "query": {"model": "anthropic/c"}}, "compat",
         "chat/completions", "anthropic/c"),
        ({"query": {"model": "groq/llama"}}, "groq", "chat/completions", "llama"),
        ({"query": {"model": "gpt-4o"}}, "openai", "chat/completions", "gpt-4o"),
        ({"query": {"model": "gemini/g"}}, "google-ai-studio", "v1beta/openai/chat/completions", "g"),
        ({"provider": "workers-ai", "endpoint": "@cf/meta/llama", "query": {}}, "workers-ai", "@cf/meta/llama", None),
    ],
)  # fmt: skip
def test_whose_it_is(step, provider, endpoint, model):
    [element] = elements([step])
    assert (element["provider"], element["endpoint"]) == (provider, endpoint)
    assert element["query"].get("model") == model
    assert "authorization" in element["headers"]


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        (b"{}", "missing_messages"),
        (b"[1]", "bad_json"),
        (b"[", "bad_json"),
        (b"", "bad_json"),
        (b"[]", "bad_request"),
        ([GROQ] * (MOST + 1), "bad_request"),
        ([{**GROQ, "url": "https://evil.example"}], "bad_request"),
        ([{"provider": "groq"}], "bad_request"),
        ([{**GROQ, "query": []}], "bad_request"),
        ([{**GROQ, "query": "x"}], "bad_request"),
        ([{**GROQ, "config": []}], "bad_request"),
        ([{**GROQ, "provider": 1}], "bad_request"),
        ([{**GROQ, "endpoint": None}], "bad_request"),
        ([{**GROQ, "headers": []}], "bad_request"),
        ([{**GROQ, "headers": {"a": {}}}], "bad_request"),
        ([{**GROQ, "headers": {"a b": "x"}}], "bad_request"),
        ([{**GROQ, "headers": {"a": "x\r\ny: z"}}], "bad_request"),
        ([{**GROQ, "endpoint": "../x"}], "bad_path"),
        ([{**GROQ, "endpoint": "a/%2e%2e/x"}], "bad_path"),
        ([{**GROQ, "endpoint": "a b"}], "bad_path"),
        ([{**GROQ, "endpoint": "https://evil.example/x"}], "bad_path"),
        ([{**GROQ, "endpoint": "///evil.example/x"}], "bad_path"),
        ([{**GROQ, "provider": "nobody"}], "no_provider"),
        ([{**GROQ, "provider": "cerebras"}], "no_provider"),
        ([GROQ, {**GROQ, "provider": "mistral"}], "no_usable_key"),
        ([{"query": {}}], "missing_model"),
        ([{"query": {"model": "unheard-of"}}], "no_provider"),
        ([{"provider": "compat", "query": {"model": "llama"}}], "missing_model"),
        ([{"provider": "compat", "query": {"model": "dynamic/route"}}], "no_provider"),
        ([{"provider": "compat", "query": {"model": "azure-openai/x"}}], "bad_request"),
        ([{"provider": "compat", "endpoint": "embeddings", "query": {"model": "groq/x"}}], "bad_request"),
        (b'[{"provider":"groq","query":{"model":"a","model":"b"}}]', "duplicate_field"),
    ],
)
@pytest.mark.parametrize("made", [GATEWAY, DIRECT], ids=["gateway", "direct"])
def test_refused(steps, reason, made):
    refusal = permit_for(steps, made)
    if isinstance(refusal, Permit):  # reached directly, a path is joined to an address of ours: it is a path
        assert made is DIRECT and reason == "bad_path" and refusal.target.host == "api.groq.com"
    else:
        assert refusal.reason == reason


@pytest.mark.parametrize("made", [GATEWAY, DIRECT], ids=["gateway", "direct"])
@pytest.mark.parametrize(
    ("user", "step", "reason"),
    [
        ("carol", {**GROQ, "provider": "openai"}, "provider_not_allowed"),
        ("carol", {"provider": "compat", "query": {"model": "openai/x"}}, "provider_not_allowed"),
        ("carol", {"query": {"model": "openai/x"}}, "provider_not_allowed"),
        ("dave", {**GROQ, "query": {"model": "large"}}, "model_not_allowed"),
        ("dave", {"provider": "compat", "query": {"model": "groq/large"}}, "model_not_allowed"),
        ("dave", {**GROQ, "query": {}}, "model_not_allowed"),
        ("dave", {"provider": "gemini", "endpoint": "v1beta/models/large:x", "query": {"model": "small-1"}},
         "model_not_allowed"),
    ],
)  # fmt: skip
def test_every_step_is_in_scope(made, user, step, reason):
    for steps in ([step], [GROQ, step], [step, GROQ]):
        refusal = permit_for(steps, made, user)
        assert isinstance(refusal, Refusal) and refusal.reason == reason


def test_without_a_gateway_each_step_is_a_permit():
    steps = [{**GROQ, "headers": {"x-own": "1", "cf-aig-cache-ttl": "9", "x-api-key": "theirs"}},
             {"provider": "anthropic", "endpoint": "v1/messages?beta=true", "query": QUERY},
             {"query": {"model": "openai/gpt"}}]  # fmt: skip
    first = permit_for(steps, DIRECT)
    second, third = first.others
    assert [permit.step for permit in (first, second, third)] == [0, 1, 2]
    assert [f"{p.target.authority}{p.target.path}" for p in (first, second, third)] == [
        "api.groq.com/openai/v1/chat/completions", "api.anthropic.com/v1/messages?beta=true",
        "api.openai.com/v1/chat/completions"]  # fmt: skip
    assert dict(first.headers) == {"x-own": "1", "content-type": "application/json"}
    assert json.loads(first.body) == QUERY and json.loads(third.body) == {"model": "gpt"}
    assert (second.key_header, second.rule) == ("x-api-key", "step 1")


def test_different_gateways_are_tried_by_us():
    other = COMPAT.replace("main", "other")
    made = through_gateway(providers={"openai": {"keys": PROVIDERS["openai"]["keys"]}})
    fields = {**{name: {"keys": entry["keys"], "gatewayEndpoint": COMPAT} for name, entry in PROVIDERS.items()},
              "openai": {"keys": PROVIDERS["openai"]["keys"], "gatewayEndpoint": other}}  # fmt: skip
    made = world(fields, gateway=True)
    first = permit_for([GROQ, {**GROQ, "provider": "openai"}], made)
    assert [permit.target.path for permit in (first, *first.others)] == [
        "/v1/acct/main/compat/chat/completions", "/v1/acct/other/compat/chat/completions"]  # fmt: skip
    assert json.loads(first.body)["model"] == "groq/small-1"


def test_a_coding_is_undone():
    packed = gzip.compress(json.dumps([GROQ]).encode())
    [element] = elements(packed, GATEWAY, "alice", ("Content-Encoding", "gzip"))
    assert element["query"] == QUERY


@pytest.mark.parametrize("target", ["/?x", "/"])
def test_only_a_post_to_our_own_root(target):
    assert isinstance(decide(GATEWAY, arrival(target, bearer(), JSON), json.dumps([GROQ]).encode()), Permit)
    other = decide(GATEWAY, arrival(target, bearer(), JSON, method="PUT"), json.dumps([GROQ]).encode())
    assert isinstance(other, Refusal)

"""Which way into Cloudflare AI Gateway serves a request: the mode, its address, its words when it cannot."""

from __future__ import annotations

import pytest

from mitmvault.core.configuration import paths
from mitmvault.core.decide import decide
from mitmvault.core.refusal import Refusal
from mitmvault.core.route import gateway
from mitmvault.core.route.target import choose
from mitmvault.core.secret import Secret
from mitmvault.core.verdict import Permit
from tests.worlds import AIG_TOKEN, COMPAT, JSON, arrival, bearer, chat, world

KEYS = [{"key": "made-up-key-0000000001"}]
BARE = "https://gateway.ai.cloudflare.com/v1/{account}/main"
REST = "https://api.cloudflare.com/client/v4/accounts/{account}/ai/v1"
CUSTOM = "https://litellm.example/v1/a/b"
LONGER = BARE + "/groq"
CHAT = "/v1/chat/completions"


def target(name: str, path: str, method: str = "POST", token: bool = True, **fields):
    made = world({name: {"keys": KEYS, **fields}}, gateway=token)
    known = made.providers[name]
    native = paths.openai_door(known.spec, paths.native(known.spec, path, lenient=True))
    return choose(made, known, native, "", method)


@pytest.mark.parametrize(
    ("mode", "address", "method", "path", "found", "at"),
    [
        ("auto", BARE, "POST", CHAT, "compat", "/v1/acct/main/compat/chat/completions"),
        ("auto", BARE + "/", "POST", CHAT, "compat", "/v1/acct/main/compat/chat/completions"),
        ("auto", BARE, "POST", "/v1/embeddings", "native", "/v1/acct/main/groq/embeddings"),
        ("auto", BARE, "GET", "/v1/models", "native", "/v1/acct/main/groq/models"),
        ("auto", COMPAT, "GET", CHAT, "native", "/v1/acct/main/groq/chat/completions"),
        ("auto", CUSTOM, "POST", CHAT, "gateway", "/v1/a/b/chat/completions"),
        ("auto", CUSTOM, "POST", "/v1/embeddings", "gateway", "/v1/a/b/embeddings"),
        ("auto", LONGER, "POST", CHAT, "gateway", "/v1/acct/main/groq/chat/completions"),
        ("auto", REST, "POST", CHAT, "rest", "/client/v4/accounts/acct/ai/v1/chat/completions"),
        ("auto", REST + CHAT[3:], "POST", CHAT, "rest", "/client/v4/accounts/acct/ai/v1/chat/completions"),
        ("compat", BARE, "POST", CHAT, "compat", "/v1/acct/main/compat/chat/completions"),
        ("compat", CUSTOM, "POST", CHAT, "compat", "/v1/a/b/compat/chat/completions"),
        ("native", BARE, "POST", CHAT, "native", "/v1/acct/main/groq/chat/completions"),
        ("native", COMPAT, "GET", "/v1/models", "native", "/v1/acct/main/groq/models"),
        ("rest", REST, "POST", "/v1/responses", "rest", "/client/v4/accounts/acct/ai/v1/responses"),
        ("rest", REST, "POST", "/v1/messages", "rest", "/client/v4/accounts/acct/ai/v1/messages"),
    ],
)
def test_mode(mode, address, method, path, found, at):
    chosen = target("groq", path, method, gatewayMode=mode, gatewayEndpoint=address, gatewayModelPrefix="groq")
    assert (chosen.mode, chosen.path) == (found, at)
    assert chosen.why.startswith(f"mode {found}: ")
    assert chosen.prefixes_model is (found != "native")
    assert ("gatewayMode" in chosen.why) is (mode != "auto")


@pytest.mark.parametrize(
    ("mode", "address", "method", "path", "words"),
    [
        ("compat", COMPAT, "POST", "/v1/embeddings", "mode compat: .*chat/completions, not POST /embeddings; .*native"),
        ("compat", BARE, "GET", CHAT, "not GET /chat/completions"),
        (
            "rest",
            REST,
            "POST",
            "/v1/audio/speech",
            "mode rest: .*/responses, /messages, not POST /audio/speech; .*ende",
        ),
        ("rest", REST, "GET", "/v1/models", "not GET /models"),
        ("universal", BARE, "GET", "/v1/models", "mode universal: .*JSON object, not GET /models; gatewayMode native"),
        ("auto", REST, "POST", "/v1/embeddings", "mode rest: gatewayEndpoint is the address.*not POST /embeddings"),
    ],
)
def test_what_a_mode_cannot_serve_is_refused_by_name(mode, address, method, path, words):
    with pytest.raises(Refusal, match=words.replace("ende", "gatewayEndpoint of https://gateway")) as caught:
        target("groq", path, method, gatewayMode=mode, gatewayEndpoint=address)
    assert caught.value.reason == "gateway_mode"


@pytest.mark.parametrize(
    ("fields", "token", "words"),
    [
        ({"gatewayMode": "rest", "gatewayEndpoint": COMPAT}, True, "api.cloudflare.com/client/v4/accounts/{account}"),
        ({"gatewayMode": "native", "gatewayEndpoint": REST}, True, "gateway.ai.cloudflare.com/v1/{account}/GATEWAY"),
        ({"gatewayMode": "compat", "gatewayEndpoint": LONGER}, True, "gateway.ai.cloudflare.com/v1/{account}/GATEWAY"),
        ({"gatewayMode": "native"}, True, "no gatewayEndpoint"),
        ({"gatewayMode": "native", "gatewayEndpoint": BARE}, False, "CLOUDFLARE_AIG_TOKEN"),
        ({"gatewayMode": "rest", "gatewayEndpoint": REST}, False, "gatewayKey"),
    ],
)
def test_a_chosen_mode_is_never_left(fields, token, words):
    with pytest.raises(Refusal, match=words) as caught:
        target("groq", CHAT, token=token, **fields)
    assert caught.value.reason == "provider_not_configured"


def test_auto_without_a_token_is_direct():
    for address in (BARE, COMPAT, REST, CUSTOM):
        assert target("groq", CHAT, token=False, gatewayEndpoint=address).mode == "direct"


@pytest.mark.parametrize(
    ("name", "fields", "asked", "sent"),
    [
        ("groq", {}, "llama", "groq/llama"),
        ("gemini", {"gatewayModelPrefix": "google-ai-studio"}, "gemini-2", "google/gemini-2"),
        ("gemini", {}, "google/gemini-2", "google/gemini-2"),
        ("grok", {}, "grok-4", "xai/grok-4"),
        ("workers-ai", {}, "@cf/meta/llama", "@cf/meta/llama"),
        ("workers-ai", {"models": [{"id": "@cf/meta/llama"}]}, "@cf/meta/llama", "@cf/meta/llama"),
        ("workers-ai", {}, "openai/gpt-5", "@cf/openai/gpt-5"),
        ("openai", {}, "anthropic/claude", "openai/anthropic/claude"),
        ("mine", {"gatewayModelPrefix": "custom-mine"}, "m", "custom-mine/m"),
        ("groq", {"models": [{"id": "llama", "gatewayPrefix": "meta"}]}, "llama", "meta/llama"),
    ],
)
def test_rest_names_the_author_and_sends_the_token_alone(name, fields, asked, sent):
    made = world({name: {"gatewayEndpoint": REST, "gatewayId": "prod", **fields}}, gateway=True)
    permit = decide(made, arrival(f"/{name}{CHAT}", bearer(), JSON), chat(asked))
    assert isinstance(permit, Permit), permit
    assert permit.model and (permit.model.asked, permit.model.sent) == (asked, sent)
    assert [(c.header, c.template, c.secret) for c in permit.credentials()] == [
        ("authorization", "Bearer {}", Secret(AIG_TOKEN))
    ]
    assert ("cf-aig-gateway-id", "prod") in permit.headers
    assert "cf-aig-no-wholesale" not in dict(permit.headers)
    assert (
        permit.story
        == f"alice → {name} via rest gateway · model {asked}"
        + (f" → {sent}" if sent != asked else "")
        + " · key of the gateway"
    )


def test_rest_prefers_the_vaults_own_token():
    made = {"gatewayEndpoint": REST, "gatewayKey": "cloudflare-api-token-0001"}
    assert target("groq", CHAT, **made).gateway_token == Secret("cloudflare-api-token-0001")
    assert target("groq", CHAT, gatewayEndpoint=BARE, gatewayKey="x").gateway_token == Secret(AIG_TOKEN)


@pytest.mark.parametrize(
    ("fields", "token", "usable"),
    [
        ({"gatewayEndpoint": REST}, True, True),
        ({"gatewayEndpoint": REST}, False, False),
        ({"gatewayEndpoint": BARE}, True, False),
        ({"gatewayEndpoint": BARE, "gatewayMode": "rest"}, True, False),
        ({"gatewayEndpoint": BARE, "keys": KEYS}, True, True),
        ({}, True, False),
    ],
)
def test_usable_without_a_key(fields, token, usable):
    made = world({"groq": fields}, gateway=token)
    assert gateway.is_usable(made, made.providers["groq"]) is usable


def test_rest_without_keys_and_without_a_token_says_no_key():
    refusal = decide(world({"groq": {"gatewayEndpoint": REST}}), arrival("/groq" + CHAT, bearer(), JSON), chat())
    assert isinstance(refusal, Refusal) and refusal.reason == "no_usable_key"


def test_a_limited_user_is_judged_by_the_model_behind_the_author():
    made = world({"gemini": {"gatewayEndpoint": REST}}, gateway=True)
    for asked, reason in (("google/small-1", None), ("small-1", None), ("xai/small-1", "model_not_allowed")):
        found = decide(made, arrival("/gemini" + CHAT, bearer("dave"), JSON), chat(asked))
        assert (found.reason if isinstance(found, Refusal) else None) == reason


@pytest.mark.parametrize("path", ["/@cf/meta/llama", "/%40cf/meta/llama"])
def test_a_model_of_workers_ai_is_not_hidden_from_the_scope(path):
    with pytest.raises(Refusal, match="/run/") as caught:
        target("workers-ai", path, gatewayEndpoint=BARE)
    assert caught.value.reason == "bad_path"
    assert target("workers-ai", "/run/@cf/meta/llama", gatewayEndpoint=BARE).path.endswith("/workers-ai/@cf/meta/llama")


# --- the gateway of the environment ---


def ambient(name: str, path: str = CHAT, made: dict | None = None, **fields):
    made = world({name: {"keys": KEYS, **fields}}, **({"account": "acct"} | (made or {"gateway_name": "main"})))
    known = made.providers[name]
    return choose(made, known, paths.openai_door(known.spec, paths.native(known.spec, path, lenient=True)), "")


@pytest.mark.parametrize(
    ("name", "path", "found", "at"),
    [
        ("groq", CHAT, "compat", "/v1/acct/main/compat/chat/completions"),
        ("groq", "/v1/embeddings", "native", "/v1/acct/main/groq/embeddings"),
        ("anthropic", "/v1/messages", "native", "/v1/acct/main/anthropic/v1/messages"),
        ("google", CHAT, "compat", "/v1/acct/main/compat/chat/completions"),
        ("workers-ai", "/run/@cf/m", "native", "/v1/acct/main/workers-ai/@cf/m"),
    ],
)
@pytest.mark.parametrize("token", [None, Secret(AIG_TOKEN)])
def test_the_gateway_of_the_environment(name, path, found, at, token):
    chosen = ambient(name, path, {"gateway_name": "main", "gateway_token": token})
    assert (chosen.mode, chosen.host, chosen.path) == (found, "gateway.ai.cloudflare.com", at)
    assert chosen.gateway_token == token


@pytest.mark.parametrize(
    ("name", "fields", "made"),
    [
        ("groq", {"endpoint": "https://mine.example/v1"}, {"gateway_name": "main"}),
        ("groq", {"gatewayEndpoint": BARE}, {"gateway_name": "main"}),  # needs a token, as ever
        ("together", {}, {"gateway_name": "main"}),  # custom-together is not registered
        ("mine", {"endpoint": "https://mine.example/v1"}, {"gateway_name": "main"}),
        ("demo", {}, {"gateway_name": "main", "embedded": {"demo": "http://127.0.0.1:5"}}),
        ("groq", {}, {"gateway_name": "main", "account": None}),
        ("groq", {}, {"gateway_name": None}),
    ],
)
def test_who_does_not_go_through_it(name, fields, made):
    assert ambient(name, CHAT, made, **fields).mode == "direct"


def test_without_a_token_a_gateway_still_bills_nobody():
    permit = decide(
        world({"groq": {"keys": KEYS}}, gateway_name="main"), arrival("/groq" + CHAT, bearer(), JSON), chat()
    )
    assert isinstance(permit, Permit) and ("cf-aig-no-wholesale", "true") in permit.headers
    assert [credential.header for credential in permit.credentials()] == ["authorization"]


# --- Azure: Cloudflare knows its deployments, and nothing else of it ---

AZURE = {"endpoint": "https://res.openai.azure.com"}
DEPLOYED = "/openai/deployments/my-gpt/chat/completions"


@pytest.mark.parametrize("mode", ["auto", "native", "universal"])
def test_a_deployment_behind_the_gateway(mode):
    found = target("azure-openai", DEPLOYED, gatewayMode=mode, gatewayEndpoint=COMPAT, **AZURE)
    assert found.mode == ("native" if mode == "auto" else mode) and not found.prefixes_model
    at = f"{found.slug}/{found.endpoint}" if mode == "universal" else found.path.removeprefix("/v1/acct/main/")
    assert at == "azure-openai/res/my-gpt/chat/completions"


@pytest.mark.parametrize("mode", ["auto", "native", "universal"])
@pytest.mark.parametrize("path", [CHAT, "/openai/v1/responses", "/openai/models", "/dear/chat/completions",
                                  "/openai/dear/chat/completions", "/openai/%64eployments/dear/chat/completions"])  # fmt: skip
def test_what_would_be_taken_for_a_deployment_is_refused(mode, path):
    with pytest.raises(Refusal, match="begin with /openai/deployments/") as caught:
        target("azure-openai", path, gatewayMode=mode, gatewayEndpoint=COMPAT, **AZURE)
    assert caught.value.reason == "gateway_mode"


@pytest.mark.parametrize(("mode", "address"), [("compat", COMPAT), ("rest", REST), ("auto", REST)])
def test_a_mode_that_cloudflare_does_not_offer_for_it(mode, address):
    with pytest.raises(Refusal, match="gatewayMode native") as caught:
        target("azure-openai", DEPLOYED, gatewayMode=mode, gatewayEndpoint=address, **AZURE)
    assert caught.value.reason == "provider_not_configured"


def test_a_clients_own_project_does_not_reach_the_gateway():
    path = "/v1/projects/theirs/locations/moon/publishers/google/models/g:generateContent"
    for mode in ("native", "universal"):
        with pytest.raises(Refusal, match="no endpoint"):
            target("google-vertex-ai", path, gatewayMode=mode, gatewayEndpoint=COMPAT)
    with pytest.raises(Refusal, match="no endpoint"):
        ambient("google-vertex-ai", path)
    with pytest.raises(Refusal, match="no endpoint"):
        ambient("azure-openai", DEPLOYED)

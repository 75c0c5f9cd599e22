"""Direct or through the gateway: where a native path is sent. (DESIGN section 6)"""

from __future__ import annotations

import pytest

from mitmvault.core.configuration import paths
from mitmvault.core.refusal import Refusal
from mitmvault.core.route.target import choose
from mitmvault.core.secret import Secret
from tests.worlds import COMPAT, world

KEYS = [{"key": "made-up-key-0000000001"}]
CHAT = "/chat/completions"
GATEWAY = "gateway.ai.cloudflare.com"


def target(name: str, fields: dict, path: str, query: str = "", **more):
    made = world({name: {"keys": KEYS, **fields}}, **more)
    known = made.providers[name]
    native = paths.openai_door(known.spec, paths.native(known.spec, path, lenient=True))
    return choose(made, known, native, query)


@pytest.mark.parametrize(
    ("name", "fields", "path", "expected"),
    [
        ("groq", {}, CHAT, ("https", "api.groq.com", 443, "/openai/v1/chat/completions?q=1")),
        ("groq", {"endpoint": "https://Corp.example:8443/llm"}, CHAT, ("https", "corp.example", 8443,
         "/llm/chat/completions?q=1")),
        ("groq", {"endpoint": "http://localhost:11434/v1"}, "/models", ("http", "localhost", 11434, "/v1/models?q=1")),
        ("groq", {"endpoint": "http://[::1]/v1"}, "/models", ("http", "::1", 80, "/v1/models?q=1")),
        ("groq", {"endpoint": "https://x.example/chat/completions"}, CHAT, ("https", "x.example", 443,
         "/openai/v1/chat/completions?q=1")),
        ("mine", {"endpoint": "https://x.example/v9/chat/completions"}, CHAT, ("https", "x.example", 443,
         "/v9/chat/completions?q=1")),
    ],
)  # fmt: skip
def test_direct(name, fields, path, expected):
    found = target(name, fields, path, "?q=1")
    assert (found.scheme, found.host, found.port, found.path) == expected
    assert (found.mode, found.prefixes_model, found.gateway_token) == ("direct", False, None)


@pytest.mark.parametrize(
    ("name", "more", "path", "mode", "expected"),
    [
        ("groq", {}, CHAT, "compat", "/v1/acct/main/compat/chat/completions"),
        ("groq", {}, "/v1" + CHAT, "compat", "/v1/acct/main/compat/chat/completions"),
        ("groq", {"gatewayEndpoint": COMPAT + CHAT}, CHAT, "compat", "/v1/acct/main/compat/chat/completions"),
        ("groq", {"gatewayEndpoint": COMPAT + "/"}, CHAT, "compat", "/v1/acct/main/compat/chat/completions"),
        ("groq", {}, "/embeddings", "native", "/v1/acct/main/groq/embeddings"),
        ("groq", {"gatewayModelPrefix": "other"}, "/embeddings", "native", "/v1/acct/main/groq/embeddings"),
        ("openai", {}, "/v1/responses", "native", "/v1/acct/main/openai/responses"),
        ("anthropic", {}, "/v1/messages", "native", "/v1/acct/main/anthropic/v1/messages"),
        ("anthropic", {}, CHAT, "compat", "/v1/acct/main/compat/chat/completions"),
        ("mistral", {}, "/v1/fim/completions", "native", "/v1/acct/main/mistral/v1/fim/completions"),
        ("gemini", {}, "/v1/chat/completions", "compat", "/v1/acct/main/compat/chat/completions"),
        ("gemini", {}, "/v1beta/openai/chat/completions", "compat", "/v1/acct/main/compat/chat/completions"),
        ("gemini", {}, "/v1/models/x:y", "native", "/v1/acct/main/google-ai-studio/v1/models/x:y"),
        ("gemini", {}, "/v1/embeddings", "native", "/v1/acct/main/google-ai-studio/v1beta/openai/embeddings"),
        ("sambanova", {}, "/v1/embeddings", "native", "/v1/acct/main/custom-sambanova/v1/embeddings"),
        ("mine", {"gatewayModelPrefix": "custom-mine", "endpoint": "https://x.example/v9"}, "/embeddings", "native",
         "/v1/acct/main/custom-mine/v9/embeddings"),
        ("groq", {"gatewayEndpoint": "https://gateway.ai.cloudflare.com/v1/{account}/main/groq"}, CHAT, "gateway",
         "/v1/acct/main/groq/chat/completions"),
        ("groq", {"gatewayEndpoint": "https://gateway.ai.cloudflare.com/v1/{account}/main/groq"}, "/embeddings",
         "gateway",
         "/v1/acct/main/groq/embeddings"),
    ],
)  # fmt: skip
def test_gateway(name, more, path, mode, expected):
    found = target(name, {"gatewayEndpoint": COMPAT, **more}, path, gateway=True)
    assert (found.mode, found.host, found.port, found.path) == (mode, GATEWAY, 443, expected)
    assert found.prefixes_model is (mode != "native") and found.gateway_token is not None


def test_the_query_is_kept_through_the_gateway():
    for path in (CHAT, "/embeddings"):
        assert target("groq", {"gatewayEndpoint": COMPAT}, path, "?a=%2F", gateway=True).path.endswith(path + "?a=%2F")


@pytest.mark.parametrize(
    ("fields", "gateway", "token"),
    [
        ({}, False, None),
        ({}, True, None),
        ({"gatewayEndpoint": COMPAT}, False, None),
        ({"gatewayEndpoint": COMPAT}, True, "cf-aig-made-up-token-0001"),
        ({"gatewayEndpoint": COMPAT, "gatewayKey": "made-up-own-key"}, False, "made-up-own-key"),
        ({"gatewayEndpoint": COMPAT, "gatewayKey": "made-up-own-key"}, True, "cf-aig-made-up-token-0001"),
        ({"gatewayKey": "made-up-own-key"}, False, None),
    ],
)
def test_the_gateway_needs_an_address_and_a_token(fields, gateway, token):
    found = target("groq", fields, CHAT, gateway=gateway)
    assert found.gateway_token == (Secret(token) if token else None)
    assert found.mode == ("compat" if token else "direct") and found.why


@pytest.mark.parametrize(("account", "path"), [("acct", "/v1/acct/"), ("a/b?c", "/v1/a%2Fb%3Fc/")])
def test_the_account_is_filled_in_and_quoted(account, path):
    found = target("groq", {"gatewayEndpoint": COMPAT}, CHAT, gateway=True, account=account)
    assert found.path.startswith(path) and found.host == GATEWAY


@pytest.mark.parametrize(
    ("name", "fields", "path", "more", "words"),
    [
        ("mine", {}, CHAT, {}, "no endpoint"),
        ("groq", {"gatewayEndpoint": COMPAT}, CHAT, {"gateway": True, "account": None}, "CLOUDFLARE_ACCOUNT_ID"),
        ("mine", {"gatewayEndpoint": COMPAT}, "/embeddings", {"gateway": True}, "gatewayModelPrefix"),
        ("mine", {"gatewayEndpoint": COMPAT}, CHAT, {"gateway": True}, "gatewayModelPrefix"),
    ],
)
def test_not_configured(name, fields, path, more, words):
    with pytest.raises(Refusal, match=words) as caught:
        target(name, fields, path, **more)
    assert caught.value.reason == "provider_not_configured"


def test_the_demo_lives_where_the_process_says():
    found = target("demo", {}, "/v1" + CHAT, embedded={"demo": "http://127.0.0.1:5555"})
    assert (found.scheme, found.authority, found.path) == ("http", "127.0.0.1:5555", "/v1/chat/completions")


@pytest.mark.parametrize(
    ("fields", "why"), [({}, "sets no gatewayEndpoint"), ({"gatewayEndpoint": COMPAT}, "no gateway token")]
)
def test_it_says_why_it_is_direct(fields, why):
    assert why in target("groq", fields, CHAT).why

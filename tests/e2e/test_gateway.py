"""Through Cloudflare AI Gateway: where requests go, under which credentials and model names. (DESIGN section 6)"""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest

from tests.client import BEARER, CHAT, send
from tests.provider import FakeProvider
from tests.proxy import KEY, RunningProxy, key

pytestmark = pytest.mark.e2e
AIG_TOKEN = "cf-aig-canary-token-0001"
REST_TOKEN = "cloudflare-api-token-canary-0001"
OWN_TOKEN = "gateway-key-of-mistral-0001"


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    gateway = f"{provider_of_module.url}/v1/{{account}}/default/compat"
    direct = f"{provider_of_module.url}/direct/v1"
    models = [{"id": "groq/compound-mini"}, {"id": "llama"}, {"id": "special", "gatewayPrefix": "custom-x"}]
    common = {"endpoint": direct, "gatewayEndpoint": gateway, "keys": [key()]}
    providers = {
        "groq": common | {"gatewayModelPrefix": "groq", "models": models},
        "sambanova": common
        | {"gatewayModelPrefix": "custom-sambanova", "gatewayEndpoint": gateway + "/chat/completions"},
        "anthropic": common | {"gatewayModelPrefix": "anthropic"},
        "gemini": common | {"gatewayModelPrefix": "google-ai-studio"},
        "openai": common | {"gatewayModelPrefix": "openai", "gatewayEndpoint": gateway + "/"},
        "other": common | {"gatewayModelPrefix": "pre", "gatewayEndpoint": f"{provider_of_module.url}/litellm/v1"},
    }  # fmt: skip
    rest = f"{provider_of_module.url}/client/v4/accounts/{{account}}/ai/v1"
    providers["grok"] = {"gatewayEndpoint": rest, "gatewayId": "prod", "gatewayKey": REST_TOKEN}
    providers["native"] = common | {"gatewayModelPrefix": "custom-n", "gatewayMode": "native"}
    providers["morph"] = {"endpoint": direct, "keys": [key()]}
    environ = {"CLOUDFLARE_ACCOUNT_ID": "acct", "CLOUDFLARE_AIG_TOKEN": AIG_TOKEN}
    with RunningProxy(tmp_path_factory.mktemp("home"), providers, environ=environ) as running:
        yield running
        running.assert_nothing_leaked(AIG_TOKEN, REST_TOKEN)


COMPAT = "/v1/acct/default/compat/chat/completions"


@pytest.mark.parametrize(
    ("target", "asked", "arrives", "sent"),
    [
        ("/groq/v1/chat/completions", "llama", COMPAT, "groq/llama"),
        ("/groq/v1/chat/completions", "unheard-of", COMPAT, "groq/unheard-of"),
        ("/groq/v1/chat/completions", "groq/llama", COMPAT, "groq/llama"),
        ("/groq/v1/chat/completions", "groq/compound-mini", COMPAT, "groq/groq/compound-mini"),
        ("/groq/v1/chat/completions", "special", COMPAT, "custom-x/special"),
        ("/sambanova-ai/v1/chat/completions", "Meta", COMPAT, "custom-sambanova/Meta"),
        ("/google-ai-studio/v1/chat/completions", "gemini-x", COMPAT, "google-ai-studio/gemini-x"),
        ("/gemini/v1beta/openai/chat/completions", "gemini-x", COMPAT, "google-ai-studio/gemini-x"),
        ("/openai/v1/chat/completions", "gpt", COMPAT, "openai/gpt"),
        ("/openai/v1/embeddings", "emb", "/v1/acct/default/openai/embeddings", "emb"),
        ("/groq/v1/embeddings", "emb", "/v1/acct/default/groq/embeddings", "emb"),
        ("/sambanova/v1/embeddings", "emb", "/v1/acct/default/custom-sambanova/v1/embeddings", "emb"),
        ("/other/v1/chat/completions", "gpt", "/litellm/v1/chat/completions", "pre/gpt"),
    ],
)
def test_target_and_model(
    proxy: RunningProxy, provider: FakeProvider, target: str, asked: str, arrives: str, sent: str
) -> None:
    body = CHAT | {"model": asked, "input": "x"}
    reply = send(proxy, target, body)
    assert reply.status == 200, reply.body
    arrived = provider.wait_for(1)[0]
    assert (arrived.target, arrived.json) == (arrives, body | {"model": sent})
    assert arrived.headers_named("authorization") == [f"Bearer {KEY}"]
    assert arrived.headers_named("cf-aig-authorization") == [f"Bearer {AIG_TOKEN}"]
    assert arrived.headers_named("cf-aig-no-wholesale") == ["true"]


@pytest.mark.parametrize("path", ["chat/completions", "responses", "messages"])
def test_rest_takes_the_token_and_no_key(proxy: RunningProxy, provider: FakeProvider, path: str) -> None:
    """The provider has no key in the vault: Cloudflare has one, or bills for it."""
    provider.next(body=b"{}")
    headers = {"Authorization": f"Bearer {proxy.token}", "cf-aig-gateway-id": "theirs", "cf-aig-metadata": "{}"}
    assert send(proxy, f"/grok/v1/{path}", CHAT, headers=headers).status == 200
    arrived = provider.wait_for(1)[0]
    assert (arrived.target, arrived.json) == (f"/client/v4/accounts/acct/ai/v1/{path}", CHAT | {"model": "xai/m-1"})
    assert arrived.headers_named("authorization") == [f"Bearer {REST_TOKEN}"]
    assert arrived.headers_named("cf-aig-gateway-id") == ["prod"]
    assert arrived.headers_named("cf-aig-metadata") == ["{}"]
    assert arrived.headers_named("cf-aig-authorization") == arrived.headers_named("cf-aig-no-wholesale") == []


def test_what_rest_cannot_serve_goes_nowhere(proxy: RunningProxy, provider: FakeProvider) -> None:
    reply = send(proxy, "/grok/v1/embeddings", CHAT)
    assert (reply.status, reply.reason, provider.arrivals) == (400, "gateway_mode", [])
    assert "mode rest" in reply.json["error"]["message"]


def test_native_by_choice(proxy: RunningProxy, provider: FakeProvider) -> None:
    assert send(proxy, "/native/v1/chat/completions", CHAT).status == 200
    arrived = provider.wait_for(1)[0]
    assert (arrived.target, arrived.json) == ("/v1/acct/default/custom-n/direct/v1/chat/completions", CHAT)


def test_cloudflares_headers_reach_no_provider_directly(proxy: RunningProxy, provider: FakeProvider) -> None:
    headers = {"Authorization": f"Bearer {proxy.token}", "cf-aig-metadata": '{"team": "secret"}', "CF-AIG-Cache-Ttl": "9",
               "cf-aig-authorization": "Bearer theirs", "x-other": "1"}  # fmt: skip
    assert send(proxy, "/morph/v1/chat/completions", CHAT, headers=headers).status == 200
    arrived = provider.wait_for(1)[0]
    assert [name for name, _ in arrived.headers if name.lower().startswith("cf-aig")] == []
    assert arrived.header("x-other") == "1"


def test_native_path_keeps_the_providers_own_credential(proxy: RunningProxy, provider: FakeProvider) -> None:
    assert send(proxy, "/anthropic/v1/messages?beta=true", CHAT | {"max_tokens": 3}).status == 200
    arrived = provider.wait_for(1)[0]
    assert arrived.target == "/v1/acct/default/anthropic/v1/messages?beta=true"
    assert (arrived.headers_named("x-api-key"), arrived.headers_named("authorization")) == ([KEY], [])
    assert arrived.headers_named("cf-aig-authorization") == [f"Bearer {AIG_TOKEN}"]


def test_a_clients_gateway_headers_pass_but_its_token_does_not(proxy: RunningProxy, provider: FakeProvider) -> None:
    headers = {"Authorization": f"Bearer {proxy.token}", "cf-aig-authorization": "Bearer theirs",
               "cf-aig-cache-ttl": "60", "cf-aig-no-wholesale": "false"}  # fmt: skip
    assert send(proxy, "/groq/v1/chat/completions", CHAT, headers=headers).status == 200
    arrived = provider.wait_for(1)[0]
    assert arrived.headers_named("cf-aig-authorization") == [f"Bearer {AIG_TOKEN}"]
    assert (arrived.header("cf-aig-cache-ttl"), arrived.header("cf-aig-no-wholesale")) == ("60", "false")


def test_without_a_model_compat_is_refused(proxy: RunningProxy, provider: FakeProvider) -> None:
    reply = send(proxy, "/groq/v1/chat/completions", {"messages": []})
    assert (reply.status, reply.reason, provider.arrivals) == (400, "missing_model", [])


OWN_ERROR = b'{"success":false,"result":[],"error":[{"code":2009,"message":"Unauthorized"}], "name":"AiGatewayError"}'


@pytest.mark.parametrize("form", ["length", "chunked", "gzip"])
def test_an_error_of_the_gateways_own_carries_a_hint(proxy: RunningProxy, provider: FakeProvider, form: str) -> None:
    body, headers = OWN_ERROR, {"Content-Type": "application/json"}
    if form == "gzip":
        body, headers = gzip.compress(OWN_ERROR), headers | {"Content-Encoding": "gzip"}
    if form == "chunked":
        provider.next(401, headers, chunks=[body[:20], body[20:]])
    else:
        provider.next(401, headers, body)
    reply = send(proxy, "/groq/v1/chat/completions", CHAT, headers=BEARER | {"x-mark": form})
    assert (reply.status, reply.body) == (401, body)
    assert "Cloudflare code 2009: " in reply.headers["x-mitmvault-hint"]
    flow = proxy.recorder.wait_for(lambda flow: flow.request.headers.get("x-mark") == form)
    assert "Cloudflare code 2009" in flow.comment


@pytest.mark.parametrize("target", ["/groq/v1/chat/completions", "/morph/v1/chat/completions"])
@pytest.mark.parametrize("size", [10, 60_000, 70_000, 400_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_other_errors_pass_and_never_with_the_key(
    proxy: RunningProxy, provider: FakeProvider, target: str, size: int, chunked: bool
) -> None:
    body = b'{"error":"' + KEY.encode() + b"x" * size + KEY.encode() + b'"}'
    pieces = {"chunks": [body[: size // 2], body[size // 2 :]]} if chunked else {"body": body}
    provider.next(429, {"Content-Type": "application/json"}, **pieces)
    reply = send(proxy, target, CHAT)
    assert (reply.status, reply.body) == (429, body.replace(KEY.encode(), b"*" * len(KEY)))
    assert "x-mitmvault-hint" not in reply.headers


def test_a_provider_reached_directly_gets_no_hint(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(401, {"Content-Type": "application/json"}, OWN_ERROR)
    reply = send(proxy, "/morph/v1/chat/completions", CHAT)
    assert (reply.body, "x-mitmvault-hint" in reply.headers) == (OWN_ERROR, False)


def test_an_error_that_breaks_off_does_not_hang(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.raw(b"HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    reply = send(proxy, "/groq/v1/chat/completions", CHAT)
    assert (reply.status, reply.reason) == (502, "upstream_failed")


@pytest.mark.parametrize("account", ["acct", None])
def test_a_token_in_the_vault_uses_the_gateway_and_none_goes_direct(
    proxy: RunningProxy, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, account: str | None
) -> None:
    """The gateway's own token may stand in the vault; without any, the endpoint is used; {account} must be known."""
    gateway = f"{provider.url}/v1/{{account}}/default/compat"
    entry = {"endpoint": f"{provider.url}/direct/v1", "gatewayEndpoint": gateway, "keys": [key()]}
    monkeypatch.delenv("CLOUDFLARE_AIG_TOKEN")
    if account is None:
        monkeypatch.delenv("CLOUDFLARE_ACCOUNT_ID")
    with_key = entry | {"gatewayKey": OWN_TOKEN, "gatewayModelPrefix": "mistral"}
    proxy.write_vault({"mistral": with_key, "morph": entry})
    assert send(proxy, "/morph/v1/chat/completions", CHAT).status == 200
    assert provider.wait_for(1)[0].target == "/direct/v1/chat/completions"
    assert provider.arrivals[0].headers_named("cf-aig-authorization") == []
    reply = send(proxy, "/mistral/v1/chat/completions", CHAT)
    if account:
        arrived = provider.wait_for(2)[1]
        assert (arrived.target, arrived.json["model"]) == (COMPAT, "mistral/m-1")
        assert arrived.headers_named("cf-aig-authorization") == [f"Bearer {OWN_TOKEN}"]
    else:
        assert (reply.status, reply.reason) == (503, "provider_not_configured")
        assert "CLOUDFLARE_ACCOUNT_ID" in reply.json["error"]["message"]

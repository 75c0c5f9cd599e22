"""Every provider of the shipped catalogue: what its clients send, and what arrives, directly and through the gateway.

Sources of the expected addresses: the providers' API documentation and SDKs; Cloudflare AI Gateway's provider pages.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from mitmvault.core.decide import decide
from mitmvault.core.refusal import Refusal
from mitmvault.core.verdict import Permit
from tests.worlds import CATALOGUE, COMPAT, JSON, arrival, bearer, chat, intercepted, world

# path behind our prefix -> what is requested directly, and under which header; then the native path at the gateway
CASES: list[tuple[str, str, str, str]] = [
    ("openai/v1/responses", "api.openai.com/v1/responses", "authorization", "openai/responses"),
    ("anthropic/v1/messages", "api.anthropic.com/v1/messages", "x-api-key", "anthropic/v1/messages"),
    ("gemini/v1beta/models/g:countTokens", "generativelanguage.googleapis.com/v1beta/models/g:countTokens",
     "x-goog-api-key", "google-ai-studio/v1beta/models/g:countTokens"),
    ("groq/v1/audio/speech", "api.groq.com/openai/v1/audio/speech", "authorization", "groq/audio/speech"),
    ("mistral/v1/fim/completions", "api.mistral.ai/v1/fim/completions", "authorization", "mistral/v1/fim/completions"),
    ("openrouter/v1/embeddings", "openrouter.ai/api/v1/embeddings", "authorization", "openrouter/embeddings"),
    ("sambanova/v1/embeddings", "api.sambanova.ai/v1/embeddings", "authorization", "custom-sambanova/v1/embeddings"),
    ("morph/v1/rerank", "api.morphllm.com/v1/rerank", "authorization", "custom-morph/v1/rerank"),
    ("together/v1/completions", "api.together.ai/v1/completions", "authorization", "custom-together/v1/completions"),
    ("fireworks/v1/completions", "api.fireworks.ai/inference/v1/completions", "authorization",
     "custom-fireworks/inference/v1/completions"),
    ("nvidia/v1/embeddings", "integrate.api.nvidia.com/v1/embeddings", "authorization", "custom-nvidia-nim/v1/embeddings"),
    ("deepinfra/v1/completions", "api.deepinfra.com/v1/openai/completions", "authorization",
     "custom-deepinfra/v1/openai/completions"),
    ("moonshot/v1/files", "api.moonshot.ai/v1/files", "authorization", "custom-moonshot/v1/files"),
    ("zai/v1/embeddings", "api.z.ai/api/paas/v4/embeddings", "authorization", "custom-zai/api/paas/v4/embeddings"),
    ("cerebras/v1/completions", "api.cerebras.ai/v1/completions", "authorization", "cerebras/completions"),
    ("cohere/v2/chat", "api.cohere.com/v2/chat", "authorization", "cohere/v2/chat"),
    ("deepseek/anthropic/v1/messages", "api.deepseek.com/anthropic/v1/messages", "x-api-key",
     "deepseek/anthropic/v1/messages"),
    ("grok/v1/responses", "api.x.ai/v1/responses", "authorization", "grok/responses"),
    ("perplexity-ai/search", "api.perplexity.ai/search", "authorization", "perplexity-ai/search"),
    ("replicate/v1/predictions", "api.replicate.com/v1/predictions", "authorization", "replicate/predictions"),
    ("huggingface/v1/responses", "router.huggingface.co/v1/responses", "authorization", ""),
    ("workers-ai/run/@cf/meta/llama-3-8b-instruct",
     "api.cloudflare.com/client/v4/accounts/acct/ai/run/@cf/meta/llama-3-8b-instruct", "authorization",
     "workers-ai/@cf/meta/llama-3-8b-instruct"),
    ("workers-ai/client/v4/accounts/dummy/ai/run/@cf%2Fmeta%2Fllama-3-8b-instruct",
     "api.cloudflare.com/client/v4/accounts/acct/ai/run/@cf%2Fmeta%2Fllama-3-8b-instruct", "authorization",
     "workers-ai/@cf%2Fmeta%2Fllama-3-8b-instruct"),
    ("workers-ai/v1/embeddings", "api.cloudflare.com/client/v4/accounts/acct/ai/v1/embeddings", "authorization",
     "workers-ai/v1/embeddings"),
    ("azure-openai/openai/deployments/my-gpt/chat/completions",
     "res.openai.azure.com/openai/deployments/my-gpt/chat/completions", "api-key",
     "azure-openai/res/my-gpt/chat/completions"),
    ("workers-ai/v1/responses", "api.cloudflare.com/client/v4/accounts/acct/ai/v1/responses", "authorization",
     "workers-ai/v1/responses"),
    ("azure/v1/responses", "res.openai.azure.com/openai/v1/responses", "api-key", ""),
    ("azure/openai/v1/responses", "res.openai.azure.com/openai/v1/responses", "api-key", ""),
    ("vertex/v1/projects/dummy/locations/moon/publishers/google/models/g:generateContent",
     "europe-west4-aiplatform.googleapis.com/v1/projects/proj/locations/europe-west4/publishers/google/models/g:generateContent",
     "x-goog-api-key", "google-vertex-ai/v1/projects/proj/locations/europe-west4/publishers/google/models/g:generateContent"),
    ("vertex/v1beta1/projects/dummy/locations/moon/publishers/google/models/g:generateContent",
     "europe-west4-aiplatform.googleapis.com/v1beta1/projects/proj/locations/europe-west4/publishers/google/models/g:generateContent",
     "x-goog-api-key", ""),
    ("vertex/v1beta1/publishers/google/models/g:generateContent",
     "europe-west4-aiplatform.googleapis.com/v1beta1/projects/proj/locations/europe-west4/publishers/google/models/g:generateContent",
     "x-goog-api-key", ""),
    ("vertex/v1/publishers/google/models/g:generateContent",
     "europe-west4-aiplatform.googleapis.com/v1/projects/proj/locations/europe-west4/publishers/google/models/g:generateContent",
     "x-goog-api-key", ""),
    ("bedrock/model/anthropic.claude-3-haiku-v1%3A0/converse",
     "bedrock-runtime.eu-west-1.amazonaws.com/model/anthropic.claude-3-haiku-v1%3A0/converse", "authorization",
     "aws-bedrock/bedrock-runtime/eu-west-1/model/anthropic.claude-3-haiku-v1%3A0/converse"),
    ("ollama/api/chat", "127.0.0.1:11434/api/chat", "authorization", ""),
    ("vllm/v1/embeddings", "127.0.0.1:8000/v1/embeddings", "authorization", ""),
]  # fmt: skip
# provider -> where its OpenAI-compatible chat is, and its prefix at the compat endpoint
CHAT = {
    "openai": ("api.openai.com/v1", "openai"), "anthropic": ("api.anthropic.com/v1", "anthropic"),
    "gemini": ("generativelanguage.googleapis.com/v1beta/openai", "google-ai-studio"),
    "groq": ("api.groq.com/openai/v1", "groq"), "mistral": ("api.mistral.ai/v1", "mistral"),
    "openrouter": ("openrouter.ai/api/v1", "openrouter"), "sambanova": ("api.sambanova.ai/v1", "custom-sambanova"),
    "morph": ("api.morphllm.com/v1", "custom-morph"), "together": ("api.together.ai/v1", "custom-together"),
    "fireworks": ("api.fireworks.ai/inference/v1", ""),
    "nvidia": ("integrate.api.nvidia.com/v1", "custom-nvidia-nim"),
    "deepinfra": ("api.deepinfra.com/v1/openai", ""),
    "moonshot": ("api.moonshot.ai/v1", "custom-moonshot"), "zai": ("api.z.ai/api/paas/v4", ""),
    "cerebras": ("api.cerebras.ai/v1", "cerebras"), "cohere": ("api.cohere.com/compatibility/v1", "cohere"),
    "deepseek": ("api.deepseek.com/v1", "deepseek"), "grok": ("api.x.ai/v1", "grok"),
    "perplexity": ("api.perplexity.ai/v1", "perplexity"), "huggingface": ("router.huggingface.co/v1", ""),
    "workers-ai": ("api.cloudflare.com/client/v4/accounts/acct/ai/v1", "workers-ai"),
    "azure-openai": ("res.openai.azure.com/openai/v1", ""),
    "google-vertex-ai": ("europe-west4-aiplatform.googleapis.com/v1/projects/proj/locations/europe-west4/endpoints/openapi",
                         "google-vertex-ai/google"),
    "aws-bedrock": ("bedrock-runtime.eu-west-1.amazonaws.com/openai/v1", "aws-bedrock"),
    "ollama": ("127.0.0.1:11434/v1", ""), "vllm": ("127.0.0.1:8000/v1", ""),
}  # fmt: skip
NAMES = [spec.id for spec in CATALOGUE.specs if not spec.embedded]
# What only the operator can say: a resource, a project, a region, a machine.
ENDPOINTS = {
    "azure-openai": "https://res.openai.azure.com", "ollama": "http://127.0.0.1:11434/v1",
    "google-vertex-ai": "https://europe-west4-aiplatform.googleapis.com/v1/projects/proj/locations/europe-west4",
    "aws-bedrock": "https://bedrock-runtime.eu-west-1.amazonaws.com", "vllm": "http://127.0.0.1:8000/v1",
}  # fmt: skip
VAULT = {
    name: {"keys": [{"key": f"made-up-key-of-{name}"}]} | ({"endpoint": ENDPOINTS[name]} if name in ENDPOINTS else {})
    for name in NAMES
}
DIRECT = world(VAULT)
GATEWAY = world({name: entry | {"gatewayEndpoint": COMPAT} for name, entry in VAULT.items()}, gateway=True)
AT_GATEWAY = "/v1/acct/main/"


def permit(made: object, came: object, body: bytes) -> Permit:
    verdict = decide(made, came, body)  # type: ignore[arg-type]
    assert isinstance(verdict, Permit), verdict
    return verdict


def test_every_provider_has_its_case() -> None:
    spoken = {DIRECT.providers[case[0].partition("/")[0]].name for case in CASES}
    assert spoken == set(NAMES) and set(CHAT) | {"replicate"} == set(NAMES)


@pytest.mark.parametrize(("path", "direct", "header", "native"), CASES)
def test_native_paths(path: str, direct: str, header: str, native: str) -> None:
    came = arrival(f"/{path}?a=%2F", bearer(), JSON)
    found = permit(DIRECT, came, chat())
    scheme = "http" if direct.startswith("127.0.0.1") else "https"
    assert (found.target.scheme, found.target.authority + found.target.path) == (scheme, direct + "?a=%2F")
    assert (found.target.mode, found.key_header) == ("direct", header)
    if native:
        found = permit(GATEWAY, came, chat())
        assert (found.target.mode, found.target.path, found.key_header) == (
            "native",
            f"{AT_GATEWAY}{native}?a=%2F",
            header,
        )
        assert found.body is None


@pytest.mark.parametrize("name", CHAT)
def test_openai_compatible_chat(name: str) -> None:
    base, prefix = CHAT[name]
    came = arrival(f"/{name}/v1/chat/completions", bearer(), JSON)
    found = permit(DIRECT, came, chat("m"))
    assert (found.target.authority + found.target.path, found.key_header) == (f"{base}/chat/completions",
                                                                              {"azure-openai": "api-key", "google-vertex-ai": "x-goog-api-key"}.get(name, "authorization"))  # fmt: skip
    if prefix:
        found = permit(GATEWAY, came, chat("m"))
        assert (found.target.mode, found.target.path) == ("compat", AT_GATEWAY + "compat/chat/completions")
        assert found.model and found.model.sent == f"{prefix}/m"


@pytest.mark.parametrize("spec", [spec for spec in CATALOGUE.specs if not spec.embedded], ids=lambda spec: spec.id)
def test_intercepted_hosts_and_aliases(spec: object) -> None:
    base = DIRECT.providers[spec.id].spec.base_path  # type: ignore[attr-defined]
    for host in spec.hosts:  # type: ignore[attr-defined]
        named = host.replace("*", "some-name")
        found = permit(DIRECT, intercepted(named, f"{base}/x", bearer(), JSON), chat())
        assert found.provider == spec.id and found.target.path == f"{base}/x"  # type: ignore[attr-defined]
        own = urlsplit(ENDPOINTS.get(spec.id, "")).hostname  # type: ignore[attr-defined]
        assert found.target.host == own or host  # a pattern is never a destination
    for alias in spec.aliases:  # type: ignore[attr-defined]
        assert permit(DIRECT, arrival(f"/{alias}/v1/x", bearer(), JSON), chat()).provider == spec.id  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["/client/v4/user/tokens/verify", "/client/v4/accounts/acct/r2/buckets",
                                  "/client/v4/accounts/acct/%61i2/x", "/client/v4/zones"])  # fmt: skip
def test_a_cloudflare_key_opens_nothing_but_models(path: str) -> None:
    found = decide(DIRECT, intercepted("api.cloudflare.com", path, bearer(), JSON), chat())
    assert isinstance(found, Refusal) and found.reason == "bad_path", found
    for headers in ((), (("X-Host-Final", "api.cloudflare.com"),)):
        found = decide(DIRECT, arrival(f"/workers-ai{path}", bearer(), JSON, *headers), chat())
        assert isinstance(found, Permit) and found.target.path.startswith("/client/v4/accounts/acct/ai/")


def test_a_provider_without_its_endpoint_says_what_is_missing() -> None:
    for name, words in (("azure-openai", "endpoint"), ("google-vertex-ai", "/v1/projects/…/locations/…")):
        found = decide(world({name: {"keys": [{"key": "made-up-key-1"}]}}), arrival(f"/{name}/v1/x", bearer()), b"")
        assert isinstance(found, Refusal) and words in found.text, found
    found = decide(world(VAULT, account=None), arrival("/workers-ai/v1/x", bearer()), b"")
    assert isinstance(found, Refusal) and "CLOUDFLARE_ACCOUNT_ID" in found.text


@pytest.mark.parametrize(
    ("target", "dialect"),
    [
        ("/bedrock/model/m/converse", "aws"),
        ("/bedrock/openai/v1/chat/completions", "openai"),
        ("/replicate/v1/predictions", "problem"),
        ("/cohere/v2/chat", "openai"),
    ],
)
def test_refusals_have_the_shape_that_the_providers_sdk_shows(target: str, dialect: str) -> None:
    found = decide(DIRECT, arrival(target, ("Authorization", "Bearer nobody-has-it"), JSON), chat())
    assert isinstance(found, Refusal) and (found.reason, found.dialect) == ("unknown_token", dialect)

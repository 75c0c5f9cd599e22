"""The SDKs of seven more vendors, unmodified, by base URL and through HTTPS_PROXY: what arrives, and what they make of it.

Each makes its calls in one process. Replicate's does not heed HTTPS_PROXY (docs/clients.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import sdk
from tests.leaks import arrival, leaks
from tests.provider import Arrived, FakeProvider
from tests.proxy import TOKEN, RunningProxy, key

pytestmark = [pytest.mark.e2e, pytest.mark.sdk]

ROOT = Path(__file__).parent.parent.parent
KEYS = {name: f"key-of-{name}-0123456789" for name in sdk.VENDORS}
DUMMIES = {name: f"dummy-for-{name}-Qm7wVb2ZtNdKx5RcYpLs" for name in sdk.VENDORS}
DUMMIES["huggingface"] = "hf_Qm7wVb2ZtNdKx5RcYpLsHj4nGf9EuWaTi6"
# Where each lives behind the fake provider's address: its native base path, as in its vendor's documentation.
BASES = {
    "groq": "/openai/v1", "cerebras": "/v1", "together": "/v1", "mistral": "/v1", "cohere": "", "huggingface": "/v1",
    "replicate": "/v1",
}  # fmt: skip
CHAT = "POST /v1/chat/completions"
# What each sends, in this order: its chat in one piece, then as a stream; Replicate's a prediction to wait for, twice.
SENT = {
    "groq": ["POST /openai/v1/chat/completions"] * 2,
    "cerebras": ["GET /v1/tcp_warming", CHAT, CHAT],
    "together": [CHAT] * 2,
    "mistral": [CHAT] * 2,
    "cohere": ["POST /v2/chat"] * 2,
    "huggingface": [CHAT] * 2,
    "replicate": ["POST /v1/models/meta/meta-llama-3-8b-instruct/predictions", "GET /v1/predictions/p-1"] * 2,
}
# How each introduces itself.
AGENTS = {
    "groq": "Groq/Python ", "cerebras": "Cerebras/Python ", "together": "Together/Python ", "mistral": "mistral-client-python/",
    "cohere": "cohere/", "huggingface": "unknown/", "replicate": "replicate-python/",
}  # fmt: skip
# A header beside User-Agent by which the vendor knows its SDK.
OWN_HEADERS = {
    "groq": ("X-Stainless-Lang", "python"), "cerebras": ("X-Stainless-Lang", "python"),
    "together": ("X-Stainless-Lang", "python"), "cohere": ("X-Fern-Language", "Python"),
}  # fmt: skip
MODELS = {
    "groq": "llama-3.3-70b-versatile", "cerebras": "llama3.1-8b", "together": "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "mistral": "mistral-small-latest", "cohere": "command-a-03-2025", "huggingface": "meta-llama/Llama-3.1-8B-Instruct",
}  # fmt: skip
CARRIERS = ("authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "api-key", "x-auth-token", "cookie")
OURS = ("proxy-connection", "via", "x-forwarded-for", "forwarded", "x-mitmvault-reason", "x-host-final")


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    sdk.require()
    url = provider_of_module.url
    providers = {name: {"endpoint": url + base, "keys": [key(KEYS[name])]} for name, base in BASES.items()}
    with RunningProxy(tmp_path_factory.mktemp("home"), providers) as running:
        yield running
        running.assert_nothing_leaked(*KEYS.values())


def scripts(names: list[str]) -> dict[str, list[str]]:
    return {name: ["vendors.py", name, "json", "run" if name == "replicate" else "stream"] for name in names}


def owner(arrived: Arrived) -> str:
    (found,) = [name for name in KEYS if f"Bearer {KEYS[name]}" == arrived.header("authorization")]
    return found


def assert_answered(outcomes: dict[str, sdk.Outcome]) -> None:
    """The SDK parsed the text and the tokens of every answer."""
    for name, outcome in outcomes.items():
        assert outcome.code == 0, outcome
        calls = {call: said for call, said in outcome.said.items() if call != "sdk"}
        assert {call: said["text"] for call, said in calls.items()} == dict.fromkeys(calls, "pong")
        if name == "replicate":
            assert (calls["json"]["usage"]["output_token_count"], calls["json"]["chunks"]) == (1, 2)
        else:
            assert list(calls) == ["json", "stream"] and calls["stream"]["chunks"] == 2
            # Groq's and Together's answer streams of their own accord with usage; here only who asks gets it.
            asked = ["json"] if name in ("groq", "together", "mistral") else ["json", "stream"]
            assert [tokens(calls[call]["usage"]) for call in asked] == [(2, 1)] * len(asked), calls


def tokens(usage: dict[str, Any]) -> tuple[int, int]:
    if "tokens" in usage:  # Cohere
        return usage["tokens"]["input_tokens"], usage["tokens"]["output_tokens"]
    return usage["prompt_tokens"], usage["completion_tokens"]


def assert_arrived(provider: FakeProvider, names: list[str], secrets: dict[str, str]) -> None:
    """Each SDK's requests, as it wrote them, with the vault's key as the one credential."""
    arrivals = provider.wait_for(sum(len(SENT[name]) for name in names))
    of = {name: [arrived for arrived in arrivals if owner(arrived) == name] for name in names}
    assert {name: [f"{arrived.method} {arrived.target}" for arrived in of[name]] for name in names} == {
        name: SENT[name] for name in names
    }
    for name, found in of.items():
        for arrived in found:
            sent = [(header.lower(), value) for header, value in arrived.headers if header.lower() in CARRIERS]
            assert sent == [("authorization", f"Bearer {KEYS[name]}")]
            assert leaks(secrets, arrival(arrived)) == []
            assert [header for header, _ in arrived.headers if header.lower() in OURS] == []
            assert (arrived.header("user-agent") or "").startswith(AGENTS[name]), arrived.headers
            if name in OWN_HEADERS:
                header, value = OWN_HEADERS[name]
                assert arrived.header(header) == value, arrived.headers
        bodies = [json.loads(arrived.body) for arrived in found if arrived.method == "POST"]
        if name == "replicate":
            assert bodies == [{"input": {"prompt": "Say pong."}}] * 2
        else:
            assert [(body["model"], bool(body.get("stream"))) for body in bodies] == [
                (MODELS[name], False),
                (MODELS[name], True),
            ]
            assert all(body["messages"][0]["content"] == "Say pong." for body in bodies)


def test_base_url(proxy: RunningProxy, provider: FakeProvider) -> None:
    outcomes = sdk.run(scripts(list(KEYS)), sdk.at_base_url(proxy.url, TOKEN))
    assert_answered(outcomes)
    assert_arrived(provider, list(KEYS), {"the user's token": TOKEN})


@pytest.mark.parametrize("credentials", ["in the proxy's URL", "as the key"])
def test_https_proxy(proxy: RunningProxy, provider: FakeProvider, credentials: str) -> None:
    names = [name for name in KEYS if name != "replicate"]
    if credentials == "as the key":
        environ = sdk.at_proxy(proxy.url, proxy.ca, dict.fromkeys(names, TOKEN))
    else:
        dummies = {name: DUMMIES[name] for name in names}
        environ = sdk.at_proxy(f"http://x:{TOKEN}@127.0.0.1:{proxy.port}", proxy.ca, dummies)
    assert_answered(sdk.run(scripts(names), environ))
    assert_arrived(provider, names, {"the user's token": TOKEN} | DUMMIES)


def test_replicates_client_streams_past_us(proxy: RunningProxy, provider: FakeProvider) -> None:
    """It opens the URL that the answer names, and sends the token along. Bodies are not rewritten; docs/clients.md warns."""
    outcomes = sdk.run({"replicate": ["vendors.py", "replicate", "stream"]}, sdk.at_base_url(proxy.url, TOKEN))
    assert outcomes["replicate"].said["stream"].get("text") == "pong", outcomes
    created, streamed = provider.wait_for(2)
    assert (created.target, created.header("authorization")) == (
        SENT["replicate"][0][5:],
        f"Bearer {KEYS['replicate']}",
    )
    assert (streamed.target, streamed.header("authorization")) == ("/v1/streams/p-1", f"Bearer {TOKEN}")
    assert "urls.stream" in (ROOT / "docs" / "clients.md").read_text()

"""The official SDKs, unmodified and set up by environment variables as people do it, through every way in.

Each must get text and usage, and the provider must get one credential: the vault's key, where that provider wants it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests import sdk
from tests.leaks import arrival, leaks
from tests.provider import FakeProvider
from tests.proxy import TOKEN, RunningProxy, key

pytestmark = [pytest.mark.e2e, pytest.mark.sdk]

KEYS = {name: f"key-of-{name}-0123456789" for name in sdk.SDKS}
# Where each provider looks for its key, and how it is written there.
CREDENTIALS = {
    "openai": ("authorization", f"Bearer {KEYS['openai']}"),
    "anthropic": ("x-api-key", KEYS["anthropic"]),
    "gemini": ("x-goog-api-key", KEYS["gemini"]),
}
CARRIERS = ("authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "api-key", "x-auth-token", "cookie")
WRONG = "mv-nobody-has-this-token-0123456789"
USAGE = {
    "openai": {"prompt_tokens": 2, "completion_tokens": 1},
    "anthropic": {"input_tokens": 2, "output_tokens": 1},
    "gemini": {"prompt_token_count": 2, "candidates_token_count": 1},
}


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    sdk.require()
    url = provider_of_module.url
    providers = {
        "openai": {"endpoint": f"{url}/v1", "keys": [key(KEYS["openai"])]},
        "anthropic": {"protocol": "anthropic", "endpoint": f"{url}/v1", "keys": [key(KEYS["anthropic"])]},
        "gemini": {"protocol": "gemini", "endpoint": f"{url}/v1beta", "keys": [key(KEYS["gemini"])]},
    }
    with RunningProxy(tmp_path_factory.mktemp("home"), providers) as running:
        yield running
        running.assert_nothing_leaked(WRONG, *KEYS.values())


def base_url(proxy: RunningProxy, token: str) -> dict[str, str]:
    return sdk.at_base_url(proxy.url, token)


def proxy_credentials(proxy: RunningProxy, token: str) -> dict[str, str]:
    return sdk.at_proxy(f"http://x:{token}@127.0.0.1:{proxy.port}", proxy.ca, sdk.DUMMIES)


def proxy_and_key(proxy: RunningProxy, token: str) -> dict[str, str]:
    return sdk.at_proxy(proxy.url, proxy.ca, dict.fromkeys(sdk.SDKS, token))


WAYS = [base_url, proxy_credentials, proxy_and_key]
every_way = pytest.mark.parametrize("way", WAYS)
flavours = pytest.mark.parametrize("flavour", ["sync", "async"])


def all_sdks(*arguments: str) -> dict[str, list[str]]:
    return {name: [script, *arguments] for name, (script, *_) in sdk.SDKS.items()}


def assert_swapped(provider: FakeProvider, names: list[str]) -> None:
    """Each of these providers got one request, with its own key as the only credential."""
    blobs = [arrival(arrived) for arrived in provider.wait_for(len(names))]
    tokens = {"the user's token": TOKEN} | {f"dummy of {name}": dummy for name, dummy in sdk.DUMMIES.items()}
    assert leaks(tokens, b"\n".join(blobs)) == []
    sent = [[(name.lower(), value) for name, value in arrived.headers if name.lower() in CARRIERS]
            for arrived in provider.arrivals]  # fmt: skip
    assert sorted(sent) == sorted([CREDENTIALS[name]] for name in names)
    assert sorted(blob.count(KEYS[name].encode()) for blob in blobs for name in KEYS) == sorted(
        [1] * len(names) + [0] * (len(KEYS) - 1) * len(names)
    )


def assert_contains(usage: Any, wanted: dict[str, int]) -> None:
    assert {name: usage[name] for name in wanted} == wanted


@every_way
@flavours
@pytest.mark.parametrize("answer", ["json", "stream"])
def test_text_and_usage(proxy: RunningProxy, provider: FakeProvider, way: Any, answer: str, flavour: str) -> None:
    outcomes = sdk.run(all_sdks("--answer", answer, "--flavour", flavour), way(proxy, TOKEN))
    assert {name: outcome.said.get("text") for name, outcome in outcomes.items()} == dict.fromkeys(outcomes, "pong"), (
        outcomes
    )
    for name, outcome in outcomes.items():
        assert_contains(outcome.said["usage"], USAGE[name])
    assert_swapped(provider, list(outcomes))


# Method, path as it was sent, and headers by which the vendor knows its SDK.
WRITTEN = {
    "openai": ("POST", "/v1/chat/completions", {"user-agent": "OpenAI/Python ", "x-stainless-lang": "python"}),
    "anthropic": ("POST", "/v1/messages", {"user-agent": "Anthropic/Python ", "anthropic-version": "20"}),
    "gemini": (
        "POST",
        ":generateContent",
        {"user-agent": "google-genai-sdk/", "x-goog-api-client": "google-genai-sdk/"},
    ),
}


@every_way
def test_what_they_write_arrives(proxy: RunningProxy, provider: FakeProvider, way: Any) -> None:
    outcomes = sdk.run(all_sdks(), way(proxy, TOKEN))
    assert_swapped(provider, list(outcomes))
    for name, (method, path, headers) in WRITTEN.items():
        header, value = CREDENTIALS[name]
        (arrived,) = [arrived for arrived in provider.arrivals if arrived.header(header) == value]
        assert arrived.method == method and arrived.target.endswith(path), arrived.target
        starts = {header: (arrived.header(header) or "")[: len(start)] for header, start in headers.items()}
        assert starts == headers
        assert arrived.json and arrived.header("content-length") == str(len(arrived.body))


@every_way
def test_realtime(proxy: RunningProxy, provider: FakeProvider, way: Any) -> None:
    scripts = {flavour: ["openai_ws.py", "--flavour", flavour] for flavour in ("sync", "async")}
    for outcome in sdk.run(scripts, way(proxy, TOKEN)).values():
        assert outcome.said.get("text") == "session.created", outcome
    assert_swapped(provider, ["openai", "openai"])


def test_embeddings_and_models(proxy: RunningProxy, provider: FakeProvider) -> None:
    scripts = {answer: ["openai_sdk.py", "--answer", answer] for answer in ("embeddings", "models")}
    outcomes = sdk.run(scripts, base_url(proxy, TOKEN))
    assert [float(number) for number in outcomes["embeddings"].said["text"].split()], outcomes
    assert outcomes["embeddings"].said["usage"]["prompt_tokens"] > 0
    assert outcomes["models"].said["text"].split(), outcomes
    assert_swapped(provider, ["openai", "openai"])
    assert {arrived.target for arrived in provider.arrivals} == {"/v1/embeddings", "/v1/models"}


@pytest.mark.parametrize("way", [base_url, proxy_and_key])
@flavours
def test_wrong_token_is_the_sdks_own_error(proxy: RunningProxy, provider: FakeProvider, way: Any, flavour: str) -> None:
    kinds = {"openai": "PermissionDeniedError", "anthropic": "PermissionDeniedError", "gemini": "ClientError"}
    outcomes = sdk.run(all_sdks("--flavour", flavour), way(proxy, WRONG))
    for name, outcome in outcomes.items():
        assert (outcome.code, outcome.said["status"], outcome.said["kind"]) == (1, 403, kinds[name]), outcome
        assert "The user token is not valid." in outcome.said["error"]
        assert "unknown_token" in (outcome.said["code"], *outcome.said["error"].split("'"))
    assert provider.arrivals == []


def test_wrong_proxy_credentials_reach_nothing(proxy: RunningProxy, provider: FakeProvider) -> None:
    """An SDK shows nothing of the answer to a CONNECT but that it failed."""
    outcomes = sdk.run(all_sdks(), proxy_credentials(proxy, WRONG))
    assert {outcome.code for outcome in outcomes.values()} == {1}
    assert provider.arrivals == []

"""The SDKs of Azure OpenAI, unmodified, with the user's token or a dummy where they want a credential.

The provider must get the vault's key alone, at the address that the vault gives, whatever resource the client named.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests import sdk
from tests.leaks import arrival, leaks
from tests.provider import Arrived, FakeProvider
from tests.proxy import TOKEN, RunningProxy, key

pytestmark = [pytest.mark.e2e, pytest.mark.sdk]

AZURE_KEY = "made-up-azure-key-0123456789"
DUMMY = "dummy-credential-of-the-client-01"
CREDENTIALS = ("authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "api-key", "x-auth-token", "cookie",
               "x-amz-security-token")  # fmt: skip


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    sdk.require()
    providers = {"azure-openai": {"endpoint": provider_of_module.url, "keys": [key(AZURE_KEY)]}}
    with RunningProxy(tmp_path_factory.mktemp("home"), providers) as running:
        yield running
        assert leaks({"azure": AZURE_KEY, "token": TOKEN}, running.observed()) == []


def credentials(arrived: Arrived) -> list[tuple[str, str]]:
    """Every credential that the provider got; none of them is the client's."""
    assert leaks({"token": TOKEN, "dummy": DUMMY}, arrival(arrived)) == []
    return [(name.lower(), value) for name, value in arrived.headers if name.lower() in CREDENTIALS]


def through_proxy(proxy: RunningProxy, credentials: str = "") -> dict[str, str]:
    """The environment of somebody who sets HTTPS_PROXY, with the token as proxy credentials or without."""
    at = f"http://x:{credentials}@127.0.0.1:{proxy.port}" if credentials else proxy.url
    return {"HTTPS_PROXY": at, "SSL_CERT_FILE": str(proxy.ca), "AWS_CA_BUNDLE": str(proxy.ca)}


# --- Azure OpenAI ---

AT_AZURE = {"AZURE_OPENAI_ENDPOINT": "https://somebody.openai.azure.com"}


@pytest.mark.parametrize(
    ("way", "credential"),
    [
        ("base URL", {"AZURE_OPENAI_API_KEY": TOKEN}),
        ("base URL", {"AZURE_OPENAI_AD_TOKEN": TOKEN}),
        ("proxy", {"AZURE_OPENAI_API_KEY": TOKEN}),
        ("proxy credentials", {"AZURE_OPENAI_API_KEY": DUMMY}),
        ("proxy credentials", {"AZURE_OPENAI_AD_TOKEN": DUMMY}),
    ],
)
@pytest.mark.parametrize("answer", ["json", "stream"])
def test_azure(proxy: RunningProxy, provider: FakeProvider, way: str, credential: dict[str, str], answer: str) -> None:
    environ: dict[str, Any] = {"OPENAI_API_VERSION": "2024-10-21"} | credential
    if way == "base URL":
        environ["AZURE_OPENAI_ENDPOINT"] = f"{proxy.url}/azure"
    else:
        environ |= AT_AZURE | through_proxy(proxy, TOKEN if way == "proxy credentials" else "")
    scripts = {flavour: ["azure_sdk.py", "--answer", answer, "--flavour", flavour] for flavour in ("sync", "async")}
    outcomes = sdk.run(scripts, environ)
    assert {outcome.said.get("text") for outcome in outcomes.values()} == {"pong"}, outcomes
    for arrived in provider.wait_for(2):
        assert arrived.target == "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"
        assert credentials(arrived) == [("api-key", AZURE_KEY)]


def test_openais_own_client_on_azures_v1(proxy: RunningProxy, provider: FakeProvider) -> None:
    for base in (f"{proxy.url}/azure/openai/v1", f"{proxy.url}/azure/v1"):
        (outcome,) = sdk.run({"v1": ["openai_sdk.py"]}, {"OPENAI_API_KEY": TOKEN, "OPENAI_BASE_URL": base}).values()
        assert outcome.said.get("text") == "pong", outcome
    for arrived in provider.wait_for(2):
        assert arrived.target == "/openai/v1/chat/completions"
        assert credentials(arrived) == [("api-key", AZURE_KEY)]

"""The SDKs of Azure OpenAI and Amazon Bedrock, unmodified, with the user's token or a dummy where they want a credential.

The provider must get the vault's key alone, at the address that the vault gives, whatever resource the client named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests import aws, sdk
from tests.leaks import arrival, leaks
from tests.provider import Arrived, FakeProvider
from tests.proxy import TOKEN, RunningProxy, key

pytestmark = [pytest.mark.e2e, pytest.mark.sdk]

AZURE_KEY = "made-up-azure-key-0123456789"
BEDROCK_KEY = "ABSKmade-up-bedrock-key-0123456789"
DUMMY = "dummy-credential-of-the-client-01"
CREDENTIALS = ("authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "api-key", "x-auth-token", "cookie",
               "x-amz-security-token")  # fmt: skip


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    sdk.require()
    providers = {
        "azure-openai": {"endpoint": provider_of_module.url, "keys": [key(AZURE_KEY)]},
        "aws-bedrock": {"endpoint": provider_of_module.url, "region": "eu-west-1", "keys": [{"key": aws.PAIR}]},
    }
    with RunningProxy(tmp_path_factory.mktemp("home"), providers) as running:
        yield running
        secrets = {
            "azure": AZURE_KEY,
            "token": TOKEN,
            "aws": aws.SECRET_KEY,
            "session": aws.SESSION,
            "bearer": BEDROCK_KEY,
        }
        assert leaks(secrets, running.observed()) == []


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


# --- Amazon Bedrock ---

MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1"
ARN = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0"
# How the SDKs carry the token: as a Bedrock API key, or as the access key id of a key pair that is good for nothing else.
BEARER = {"AWS_BEARER_TOKEN_BEDROCK": TOKEN}
SIGNED = {"AWS_ACCESS_KEY_ID": TOKEN, "AWS_SECRET_ACCESS_KEY": DUMMY}
SESSIONED = SIGNED | {"AWS_SESSION_TOKEN": DUMMY}
DUMMIES = {"AWS_ACCESS_KEY_ID": "AKIADUMMYDUMMYDUMMY0", "AWS_SECRET_ACCESS_KEY": DUMMY}
FILES = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def at_bedrock(proxy: RunningProxy, way: str) -> dict[str, str]:
    if "base URL" in way:  # boto3 sends no bearer token in the clear, not even to this machine
        url = proxy.url if way == "base URL" else proxy.url.replace("http://", "https://")
        at, trust = f"{url}/bedrock", {"SSL_CERT_FILE": str(proxy.ca), "AWS_CA_BUNDLE": str(proxy.ca)}
        return FILES | trust | {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": at, "ANTHROPIC_BEDROCK_BASE_URL": at}
    return FILES | through_proxy(proxy, TOKEN if way == "proxy credentials" else "")


def script(provider: FakeProvider) -> None:
    """Answer as Bedrock does."""
    provider.next(body=json.dumps(aws.CONVERSED), when=lambda a: a.target.endswith("/converse"), times=None)
    provider.next(body=json.dumps(aws.CLAUDE), headers={"content-type": "application/json"},
                  when=lambda a: a.target.endswith("/invoke"), times=None)  # fmt: skip
    provider.next(headers={"content-type": aws.EVENTS}, chunks=aws.STREAM,
                  when=lambda a: a.target.endswith("/converse-stream"), times=None)  # fmt: skip


def assert_signed(provider: FakeProvider, arrived: Arrived) -> None:
    assert aws.is_signed(arrived, provider.url) and not aws.is_signed(arrived, provider.url, DUMMY)
    assert aws.scope(arrived) == (aws.ACCESS_KEY, "eu-west-1", "bedrock")
    assert [name for name, _ in credentials(arrived)] == ["authorization"]


@pytest.mark.parametrize(
    ("way", "credential"),
    [
        ("base URL, TLS", BEARER),
        ("base URL", SIGNED),
        ("base URL", SESSIONED),
        ("proxy", BEARER),
        ("proxy", SIGNED),
        ("proxy credentials", DUMMIES),
    ],
)
def test_bedrock(proxy: RunningProxy, provider: FakeProvider, way: str, credential: dict[str, str]) -> None:
    script(provider)
    scripts = {answer: ["bedrock_sdk.py", "--answer", answer] for answer in ("converse", "invoke", "stream")}
    scripts["arn"] = ["bedrock_sdk.py", "--model", ARN]
    scripts |= {flavour: ["anthropic_bedrock_sdk.py", "--flavour", flavour] for flavour in ("sync", "async")}
    outcomes = sdk.run(scripts, at_bedrock(proxy, way) | credential)
    assert {name: outcome.said.get("text") for name, outcome in outcomes.items()} == dict.fromkeys(scripts, "pong"), (
        outcomes
    )
    assert outcomes["stream"].said["chunks"] == 2
    targets = [f"/model/{MODEL}%3A0/{operation}" for operation in ("converse", "invoke", "converse-stream")]
    targets += ["/model/" + ARN.replace(":", "%3A").replace("/", "%2F") + "/converse"]
    targets += [f"/model/{MODEL}:0/invoke"] * 2  # a client of another mind about colons
    arrived = provider.wait_for(6)
    assert sorted(one.target for one in arrived) == sorted(targets)
    for one in arrived:
        assert_signed(provider, one)


@pytest.mark.parametrize("credential", [BEARER, SIGNED])
def test_bedrock_with_an_api_key(proxy: RunningProxy, provider: FakeProvider, credential: dict[str, str]) -> None:
    script(provider)
    proxy.write_vault({"aws-bedrock": {"endpoint": provider.url, "keys": [key(BEDROCK_KEY)]}})
    scripts = {"boto3": ["bedrock_sdk.py"], "anthropic": ["anthropic_bedrock_sdk.py"]}
    outcomes = sdk.run(scripts, at_bedrock(proxy, "base URL, TLS" if credential is BEARER else "base URL") | credential)
    assert {outcome.said.get("text") for outcome in outcomes.values()} == {"pong"}, outcomes
    for arrived in provider.wait_for(2):
        assert credentials(arrived) == [("authorization", f"Bearer {BEDROCK_KEY}")]
        assert not arrived.header("x-amz-date")

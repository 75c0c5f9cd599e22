"""The SDKs of Azure OpenAI, Amazon Bedrock and Vertex AI, unmodified, with the user's token or a dummy where they want a credential.

The provider must get the vault's key alone, at the address that the vault gives, whatever resource the client named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests import aws, google, sdk
from tests.leaks import arrival, leaks
from tests.provider import Arrived, FakeProvider
from tests.proxy import TOKEN, RunningProxy, key

pytestmark = [pytest.mark.e2e, pytest.mark.sdk]

AZURE_KEY = "made-up-azure-key-0123456789"
BEDROCK_KEY = "ABSKmade-up-bedrock-key-0123456789"
EXPRESS_KEY = "AQ.made-up-express-key-0123456789"
OURS = "/v1/projects/made-up-project/locations/europe-west4"
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
    providers["google-vertex-ai"] = {
        "endpoint": provider_of_module.url + OURS,
        "keys": [{"key": google.account(provider_of_module.url)}],
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
        secrets |= {
            "account": google.private_key()[40:-40],
            "access token": google.ACCESS_TOKEN,
            "express": EXPRESS_KEY,
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


# --- Vertex AI ---

LOGIN = {"GOOGLE_CLOUD_PROJECT": "theirs", "GOOGLE_CLOUD_LOCATION": "us-central1",
         "ANTHROPIC_VERTEX_PROJECT_ID": "theirs", "CLOUD_ML_REGION": "us-central1"}  # fmt: skip
GEMINI = "/publishers/google/models/gemini-2.5-flash"


def at_vertex(proxy: RunningProxy, way: str) -> dict[str, str]:
    if way == "base URL":
        return {"GOOGLE_VERTEX_BASE_URL": f"{proxy.url}/vertex", "ANTHROPIC_VERTEX_BASE_URL": f"{proxy.url}/vertex/v1"}
    return through_proxy(proxy, TOKEN if way == "proxy credentials" else "")


def script_vertex(provider: FakeProvider) -> None:
    """Answer as Vertex does."""
    google.gives(provider)
    kind = {"content-type": "application/json"}
    provider.next(
        body=json.dumps(google.ANSWER), headers=kind, when=lambda a: ":generateContent" in a.target, times=None
    )
    provider.next(headers={"content-type": "text/event-stream"}, chunks=[b"data: " + json.dumps(google.ANSWER).encode() + b"\n\n"] * 2,
                  when=lambda a: ":streamGenerateContent" in a.target, times=None)  # fmt: skip
    provider.next(body=json.dumps(aws.CLAUDE), headers=kind, when=lambda a: ":rawPredict" in a.target, times=None)


@pytest.mark.parametrize("way", ["base URL", "proxy", "proxy credentials"])
def test_vertex(proxy: RunningProxy, provider: FakeProvider, way: str) -> None:
    script_vertex(provider)
    token = {"VERTEX_ACCESS_TOKEN": DUMMY if way == "proxy credentials" else TOKEN}
    scripts = {f"{answer} {flavour}": ["vertex_sdk.py", "--answer", answer, "--flavour", flavour]
               for answer in ("json", "stream") for flavour in ("sync", "async")}  # fmt: skip
    scripts |= {flavour: ["anthropic_vertex_sdk.py", "--flavour", flavour] for flavour in ("sync", "async")}
    outcomes = sdk.run(scripts, at_vertex(proxy, way) | LOGIN | token)
    texts = {name: "pongpong" if "stream" in name else "pong" for name in scripts}
    assert {name: outcome.said.get("text") for name, outcome in outcomes.items()} == texts, outcomes
    came = [arrived for arrived in provider.wait_for(6) if not google.is_token_request(arrived)]
    beta = OURS.replace("/v1/", "/v1beta1/")
    targets = [f"{beta}{GEMINI}:generateContent"] * 2 + [f"{beta}{GEMINI}:streamGenerateContent?alt=sse"] * 2
    targets += [f"{OURS}/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict"] * 2
    assert sorted(arrived.target for arrived in came) == sorted(targets)
    for arrived in came:
        assert credentials(arrived) == [("authorization", f"Bearer {google.ACCESS_TOKEN}")]
        assert not arrived.header("x-goog-user-project")


def test_vertex_in_express_mode(proxy: RunningProxy, provider: FakeProvider) -> None:
    """A client that names no project gets the vault's, and the account's token."""
    script_vertex(provider)
    for way in ("base URL", "proxy"):
        (outcome,) = sdk.run({"express": ["vertex_sdk.py"]}, at_vertex(proxy, way) | {"GOOGLE_API_KEY": TOKEN}).values()
        assert outcome.said.get("text") == "pong", outcome
    came = [arrived for arrived in provider.wait_for(2) if not google.is_token_request(arrived)]
    for arrived in came:
        assert arrived.target == f"{OURS.replace('/v1/', '/v1beta1/')}{GEMINI}:generateContent"
        assert credentials(arrived) == [("authorization", f"Bearer {google.ACCESS_TOKEN}")]


# --- keys that are texts; these tests replace the vault ---


def test_vertex_with_an_api_key(proxy: RunningProxy, provider: FakeProvider) -> None:
    script_vertex(provider)
    proxy.write_vault({"google-vertex-ai": {"endpoint": provider.url + OURS, "keys": [key(EXPRESS_KEY)]}})
    environ = at_vertex(proxy, "base URL") | LOGIN | {"VERTEX_ACCESS_TOKEN": TOKEN}
    (outcome,) = sdk.run({"key": ["vertex_sdk.py"]}, environ).values()
    assert outcome.said.get("text") == "pong", outcome
    (arrived,) = provider.wait_for(1)
    assert credentials(arrived) == [("x-goog-api-key", EXPRESS_KEY)]


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

"""P1, P10: keys of clouds. What signs or is exchanged is never seen; whose resource, region or project it is says the vault."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from mitmvault.core.formats import openssl
from mitmvault.core.secret import Secret
from tests import aws, google
from tests.attacks.tools import assert_unreached
from tests.client import CHAT, send
from tests.leaks import arrival, leaks
from tests.provider import FakeProvider
from tests.proxy import PASSWORD, TOKEN, RunningProxy, key

pytestmark = pytest.mark.e2e

CONVERSE = "/model/eu.amazon.nova-lite-v1%3A0/converse"
AZURE_KEY = "made-up-azure-key-0123456789"
OURS = "/v1/projects/made-up-project/locations/europe-west4"
GENERATE = "/publishers/google/models/gemini-2.5-flash:generateContent"
SECRETS = {
    "token": TOKEN,
    "access token": google.ACCESS_TOKEN,
    "secret key": aws.SECRET_KEY,
    "session": aws.SESSION,
    "azure": AZURE_KEY,
}
SIGNED = (
    "AWS4-HMAC-SHA256 Credential={}/20261121/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=" + 64 * "0"
)
USERS = {"alice": {"key": TOKEN}, "dave": {"key": "mv-dave-token-for-tests-only", "models": ["cheap"]}}
DAVE = {"Authorization": "Bearer mv-dave-token-for-tests-only"}


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    session = aws.PAIR | {"sessionToken": aws.SESSION}
    providers = {
        "aws-bedrock": {"endpoint": provider_of_module.url, "region": "eu-west-1", "keys": [{"key": session}]},
        "azure-openai": {"endpoint": provider_of_module.url, "keys": [key(AZURE_KEY)]},
    }
    providers["google-vertex-ai"] = {
        "endpoint": provider_of_module.url + OURS,
        "keys": [{"key": google.account(provider_of_module.url)}],
    }
    settings = "body_limit: 1MB\nretry: 1\n"
    with RunningProxy(tmp_path_factory.mktemp("home"), providers, users=USERS, settings=settings) as running:
        for name in ("botocore", "botocore.auth", "google.auth"):  # somebody debugs
            logging.getLogger(name).setLevel(logging.DEBUG)
        yield running
        for name in ("botocore", "botocore.auth", "google.auth"):
            logging.getLogger(name).setLevel(logging.WARNING)
        assert leaks(SECRETS | {"account": google.private_key()[40:-40]}, running.observed()) == []


BEDROCK_HOSTS = ["bedrock-runtime.us-east-1.amazonaws.com", "bedrock-runtime.eu-west-1.amazonaws.com",
                 "bedrock-runtime-fips.us-gov-west-1.amazonaws.com"]  # fmt: skip


@pytest.mark.parametrize("via", [None, *BEDROCK_HOSTS])
def test_a_client_chooses_neither_host_nor_region(proxy: RunningProxy, provider: FakeProvider, via: str | None) -> None:
    headers = {
        "Authorization": SIGNED.format(TOKEN), "X-Amz-Date": "20200101T000000Z", "X-Amz-Security-Token": TOKEN,
        "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-region": "us-east-1", "Content-Type": "application/json",
    }  # fmt: skip
    target = CONVERSE + f"?a=1&X-Amz-Credential={TOKEN}%2F1&x-amz-signature=0&X-Amz-Security-Token={TOKEN}"
    reply = send(proxy, target if via else f"/bedrock{target}", CHAT, headers=headers, via=via)
    assert reply.status == 200
    (arrived,) = provider.wait_for(1)
    assert arrived.target == CONVERSE + "?a=1" and aws.is_signed(arrived, provider.url)
    assert aws.scope(arrived) == (aws.ACCESS_KEY, "eu-west-1", "bedrock")
    assert arrived.headers_named("x-amz-security-token") == [aws.SESSION]
    assert not arrived.header("x-amz-content-sha256") and not arrived.header("x-amz-date").startswith("2020")
    assert leaks({"token": TOKEN, "secret key": aws.SECRET_KEY}, arrival(arrived)) == []


@pytest.mark.parametrize("host", ["s3.eu-west-1.amazonaws.com", "sts.amazonaws.com", "bedrock-runtime.eu-west-1.amazonaws.com.cn",
                                  "bedrock-runtime.a.b.amazonaws.com", "bedrock-runtime.x.amazonaws.com.evil.example"])  # fmt: skip
def test_other_hosts_get_no_signature(proxy: RunningProxy, provider: FakeProvider, host: str) -> None:
    reply = send(proxy, CONVERSE, CHAT, headers={"Authorization": f"Bearer {TOKEN}", "X-Host-Final": host})
    assert reply.reason == "unknown_host_final"
    assert_unreached(provider)


def test_every_attempt_is_signed_anew(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(status=503, headers={"retry-after": "0"}, body=b"{}")
    assert send(proxy, f"/bedrock{CONVERSE}", CHAT).status == 200
    for arrived in provider.wait_for(2):
        assert aws.is_signed(arrived, provider.url) and arrived.json == CHAT


def test_a_body_in_chunks_arrives_whole_and_signed(proxy: RunningProxy, provider: FakeProvider) -> None:
    body = json.dumps(CHAT).encode()
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    assert send(proxy, f"/bedrock{CONVERSE}", iter([body[:9], body[9:]]), headers=headers).status == 200
    (arrived,) = provider.wait_for(1)
    assert arrived.body == body and aws.is_signed(arrived, provider.url)
    assert arrived.headers_named("content-length") == [str(len(body))] and not arrived.header("transfer-encoding")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_too_large_to_sign_is_refused(proxy: RunningProxy, provider: FakeProvider, chunked: bool) -> None:
    body = b"x" * (1 << 21)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/octet-stream"}
    reply = send(proxy, f"/bedrock{CONVERSE}", iter([body]) if chunked else body, headers=headers)
    assert (reply.status, reply.reason) == (413, "body_too_large") and "body_limit" in reply.json["message"]
    assert_unreached(provider)


def test_an_answer_that_repeats_the_session_is_masked(proxy: RunningProxy, provider: FakeProvider) -> None:
    """AWS explains a wrong signature with the canonical request, session token included."""
    text = f"The canonical string should have been x-amz-security-token:{aws.SESSION}"
    provider.next(status=403, headers={"x-amzn-note": aws.SESSION}, body=json.dumps({"message": text}))
    reply = send(proxy, f"/bedrock{CONVERSE}", CHAT)
    assert reply.status == 403 and aws.SESSION not in str(reply.headers.items()) + reply.body.decode()
    assert "*" * len(aws.SESSION) in reply.body.decode()


def test_a_mangled_pair_is_not_taken_and_not_shown(proxy: RunningProxy, provider: FakeProvider) -> None:
    vault = proxy.home.vault.read_bytes()
    mangled = {"endpoint": provider.url, "keys": [{"key": aws.PAIR | {"accessKeyId": "?"}}]}
    plain = json.dumps({"version": 1, "providers": {"aws-bedrock": mangled}}).encode()
    proxy.home.vault.write_bytes(openssl.seal(plain, Secret(PASSWORD), b"8 bytes!"))
    assert send(proxy, f"/bedrock{CONVERSE}", CHAT).status == 200  # the vault before it stays in force
    assert "providers.aws-bedrock.keys[0].key: accessKeyId must be" in proxy.recorder.log_text()
    proxy.home.vault.write_bytes(vault)


# --- Azure ---


@pytest.mark.parametrize("via", ["somebody-else.openai.azure.com", None])
def test_a_client_chooses_no_resource(proxy: RunningProxy, provider: FakeProvider, via: str | None) -> None:
    target = "/openai/deployments/cheap/chat/completions?api-version=2024-10-21"
    headers = {"api-key": TOKEN, "Authorization": f"Bearer {TOKEN}"}
    assert send(proxy, target if via else f"/azure{target}", CHAT, headers=headers, via=via).status == 200
    (arrived,) = provider.wait_for(1)
    assert arrived.target == target and arrived.headers_named("host") == [provider.url.partition("//")[2]]
    assert (arrived.headers_named("api-key"), arrived.headers_named("authorization")) == ([AZURE_KEY], [])


@pytest.mark.parametrize(
    "target",
    [
        "/openai/deployments/dear/chat/completions",
        "/openai/%64eployments/dear/chat/completions",
        "/openai/deployments%2Fdear/chat/completions",
        "/openai/deployments/dear/deployments/cheap/chat/completions",
    ],
)
def test_a_deployment_out_of_scope(proxy: RunningProxy, provider: FakeProvider, target: str) -> None:
    """Azure obeys the path, whatever the body says."""
    reply = send(proxy, f"/azure{target}?api-version=1", CHAT | {"model": "cheap"}, headers=DAVE)
    assert reply.reason in ("model_not_allowed", "bad_path")
    assert_unreached(provider)
    assert send(proxy, "/azure/openai/deployments/cheap/chat/completions", CHAT, headers=DAVE).status == 200


# --- Vertex AI ---


def vertex(provider: FakeProvider, **fields: object) -> dict[str, object]:
    """A vault whose account has no token yet: its key's id is another one."""
    account = google.account(provider.url, **fields)
    return {"google-vertex-ai": {"endpoint": provider.url + OURS, "keys": [{"key": account}]}}


@pytest.mark.parametrize("via", ["us-central1-aiplatform.googleapis.com", "aiplatform.googleapis.com", None])
@pytest.mark.parametrize(
    "path", ["/v1/projects/theirs/locations/us-central1", "/v1/projects/%74heirs/locations/moon", "/v1"]
)
def test_a_client_chooses_no_project(proxy: RunningProxy, provider: FakeProvider, via: str | None, path: str) -> None:
    google.gives(provider)
    target = f"{path}{GENERATE}?$userProject=theirs&x-goog-user-project=theirs&a=1"
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Goog-User-Project": "theirs", "X-Goog-Api-Key": TOKEN}
    assert send(proxy, target if via else f"/vertex{target}", CHAT, headers=headers, via=via).status == 200
    arrived = next(one for one in provider.arrivals if not google.is_token_request(one))
    assert arrived.target.startswith(OURS + GENERATE) and "theirs" not in arrived.target
    assert (arrived.header("x-goog-user-project"), arrived.header("x-goog-api-key")) == (None, None)
    assert arrived.headers_named("authorization") == [f"Bearer {google.ACCESS_TOKEN}"]


@pytest.mark.parametrize(
    "target",
    ["/v2/projects/theirs/locations/x/y", "/compute/v1/projects/theirs/zones", "/storage/v1/b", "/v1/../v3/x"],
)
def test_the_token_opens_nothing_but_the_project(proxy: RunningProxy, provider: FakeProvider, target: str) -> None:
    reply = send(proxy, target, CHAT, via="us-central1-aiplatform.googleapis.com")
    assert reply.reason == "bad_path"
    assert_unreached(provider)


@pytest.mark.parametrize(
    ("status", "reason", "answered"),
    [(400, "no_usable_key", 503), (403, "no_usable_key", 503), (200, "upstream_failed", 502)],
)
def test_a_token_endpoint_that_refuses_is_not_quoted(
    proxy: RunningProxy, provider: FakeProvider, status: int, reason: str, answered: int
) -> None:
    vault = proxy.home.vault.read_bytes()
    proxy.write_vault(vertex(provider, private_key_id=f"{status}" * 12))
    provider.next(
        status=status, body=json.dumps({"error": "made-up-secret-answer"}), when=google.is_token_request, times=None
    )
    reply = send(proxy, f"/vertex/v1{GENERATE}", CHAT)
    proxy.home.vault.write_bytes(vault)
    assert (reply.status, reply.reason) == (answered, reason)
    said = reply.body.decode()
    assert "providers.google-vertex-ai.keys[0].key" in said and reply.json["error"]["status"] == "UNAVAILABLE"
    for secret in ("made-up-secret-answer", google.EMAIL, "PRIVATE", provider.url.partition("//")[2]):
        assert secret not in said
    assert {one.target for one in provider.arrivals} == {"/token"}
    assert b"made-up-secret-answer" not in proxy.observed()


def test_a_mangled_account_is_told_by_its_place(proxy: RunningProxy, provider: FakeProvider) -> None:
    vault = proxy.home.vault.read_bytes()
    proxy.write_vault(
        vertex(provider, private_key="-----BEGIN PRIVATE KEY-----\nbWFkZS11cA==\n-----END PRIVATE KEY-----\n")
    )
    reply = send(proxy, f"/vertex/v1{GENERATE}", CHAT)
    proxy.home.vault.write_bytes(vault)
    assert (reply.status, reply.reason) == (503, "provider_not_configured")
    assert "keys[0].key" in reply.body.decode() and "bWFkZ" not in reply.body.decode()
    assert_unreached(provider)


def test_an_answer_that_repeats_the_token_is_masked(proxy: RunningProxy, provider: FakeProvider) -> None:
    google.gives(provider)
    provider.next(status=401, body=json.dumps({"error": google.ACCESS_TOKEN}), when=lambda one: GENERATE in one.target)
    reply = send(proxy, f"/vertex/v1{GENERATE}", CHAT)
    assert reply.status == 401 and google.ACCESS_TOKEN not in reply.body.decode()


def test_a_large_body_is_streamed_with_a_token(proxy: RunningProxy, provider: FakeProvider) -> None:
    """Nobody can wait for a token once the body streams: it was fetched before."""
    google.gives(provider)
    provider.next(body=b"{}", when=lambda one: GENERATE in one.target)
    body = b'{"contents": "' + b"x" * (1 << 21) + b'"}'
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    assert send(proxy, f"/vertex/v1{GENERATE}", iter([body]), headers=headers).status == 200
    arrived = next(one for one in provider.arrivals if not google.is_token_request(one))
    assert arrived.body == body and arrived.headers_named("authorization") == [f"Bearer {google.ACCESS_TOKEN}"]

"""Verified TLS to the provider, over HTTP/1.1 and HTTP/2, with an operator's own authority. (SECURITY P3)"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client import CHAT, send
from tests.h2_provider import ANSWER, H2Provider
from tests.provider import FakeProvider
from tests.proxy import KEY, TOKEN, RunningProxy, key

pytestmark = pytest.mark.e2e
SECOND = "sk-canary-provider-key-of-another-attempt-0002"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, made by the openssl program; its own authority."""
    folder = tmp_path_factory.mktemp("authority")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem",
         "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def h1(authority: Path) -> Iterator[FakeProvider]:
    with FakeProvider(tls=(str(authority / "cert.pem"), str(authority / "key.pem"))) as provider:
        yield provider


@pytest.fixture(scope="module")
def h2(authority: Path) -> Iterator[H2Provider]:
    with H2Provider(str(authority / "cert.pem"), str(authority / "key.pem")) as provider:
        yield provider


@pytest.fixture(scope="module")
def proxy(
    authority: Path, h1: FakeProvider, h2: H2Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    providers = {
        "openai": {"endpoint": f"https://127.0.0.1:{h2.port}/v1", "keys": [key()]},
        "groq": {"endpoint": f"https://127.0.0.1:{h1.port}/openai/v1", "keys": [key()]},
    }
    again = {"endpoint": f"https://127.0.0.1:{h2.port}/v1", "keys": [key(), key(SECOND)]}
    gateway = {
        "gatewayEndpoint": f"https://127.0.0.1:{h2.port}/v1/acct/main",
        "gatewayKey": "gateway-canary-token-0001",
    }
    again_there = {**gateway, "gatewayMode": "universal", "keys": again["keys"]}
    settings = f"retry: 2\nupstream_ca: {authority / 'cert.pem'}\n"
    providers |= {"mistral": again, "cerebras": again_there}
    with RunningProxy(tmp_path_factory.mktemp("home"), providers, settings=settings) as running:
        yield running
        running.assert_nothing_leaked(SECOND, "gateway-canary-token-0001")


def test_https_endpoint(proxy: RunningProxy, h1: FakeProvider) -> None:
    assert send(proxy, "/groq/v1/chat/completions", CHAT).status == 200
    assert h1.wait_for(1)[0].headers_named("authorization") == [f"Bearer {KEY}"]


@pytest.mark.parametrize("body", [None, json.dumps(CHAT)])
def test_http2_on_both_sides(proxy: RunningProxy, h2: H2Provider, body: str | None) -> None:
    before = len(h2.requests)
    done = subprocess.run(
        ["curl", "-sS", "--http2", "-x", proxy.url, "--cacert", proxy.ca, "https://api.openai.com/v1/models?key=x",
         "-H", f"Authorization: Bearer {TOKEN}", "-H", "Cookie: a=b", "-H", "Cookie: c=d",
         *(["-d", body] if body else [])],
        capture_output=True, timeout=30,
    )  # fmt: skip
    assert done.stdout == ANSWER, done.stderr
    headers = h2.requests[before]
    assert [value for name, value in headers if name == "authorization"] == [f"Bearer {KEY}"]
    assert dict(headers)[":path"] == "/v1/models"
    assert dict(headers)[":authority"] == f"127.0.0.1:{h2.port}"
    assert not {"host", "cookie", "connection"} & {name for name, _ in headers}


@pytest.mark.parametrize("statuses", [[429], [503, 500]])
def test_http2_attempts(proxy: RunningProxy, h2: H2Provider, statuses: list[int]) -> None:
    before = len(h2.requests)
    h2.statuses = list(statuses)
    done = subprocess.run(
        ["curl", "-sS", "--http2", "-i", "-x", proxy.url, "--cacert", proxy.ca, "https://api.mistral.ai/v1/models",
         "-H", f"Authorization: Bearer {TOKEN}", "-d", json.dumps(CHAT)],
        capture_output=True, timeout=30,
    )  # fmt: skip
    assert done.stdout.endswith(ANSWER), done.stderr
    assert f"x-mitmvault-attempts: {len(statuses) + 1}".encode() in done.stdout
    used = [value for head in h2.requests[before:] for name, value in head if name == "authorization"]
    assert len(used) == len(statuses) + 1 and set(used) == {f"Bearer {KEY}", f"Bearer {SECOND}"}


def test_http2_attempts_share_the_connections_there_are(proxy: RunningProxy, h2: H2Provider) -> None:
    before, connections = len(h2.requests), h2.connections
    h2.statuses = [429, 200] * 3
    done = subprocess.run(
        ["curl", "-sS", "--http2", "-x", proxy.url, "--cacert", proxy.ca, "-H", f"Authorization: Bearer {TOKEN}",
         *["https://api.mistral.ai/v1/models"] * 3],
        capture_output=True, timeout=30,
    )  # fmt: skip
    assert done.stdout == ANSWER * 3, done.stderr
    assert (len(h2.requests) - before, h2.connections - connections) == (6, 2)


@pytest.mark.parametrize("size", [10, 200_000])
@pytest.mark.parametrize("statuses", [[], [503]])
def test_keys_in_a_body_over_http2(proxy: RunningProxy, h2: H2Provider, size: int, statuses: list[int]) -> None:
    """Through flow control, and once more after a failed attempt."""
    before, body = len(h2.requests), json.dumps({**CHAT, "x": "x" * size})
    h2.statuses[:] = statuses
    done = subprocess.run(
        ["curl", "-sS", "--http2", "-x", proxy.url, "--cacert", proxy.ca, "https://api.cerebras.ai/v1/chat/completions",
         "-H", f"Authorization: Bearer {TOKEN}", "-H", "Content-Type: application/json", "-d", "@-"],
        input=body.encode(), capture_output=True, timeout=30,
    )  # fmt: skip
    assert done.stdout == ANSWER, done.stderr
    assert len(h2.requests) == before + 1 + len(statuses)
    for headers, arrived in zip(h2.requests[before:], h2.bodies[before:], strict=True):
        assert dict(headers)[":path"] == "/v1/acct/main"
        assert dict(headers)["content-length"] == str(len(arrived))
        assert arrived.count(b'"query":' + body.encode() + b"}") == 2
        sent = [element["headers"]["authorization"] for element in json.loads(arrived)]
        assert sorted(sent) == sorted([f"Bearer {KEY}", f"Bearer {SECOND}"])

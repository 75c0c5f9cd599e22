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
    settings = f"upstream_ca: {authority / 'cert.pem'}\n"
    with RunningProxy(tmp_path_factory.mktemp("home"), providers, settings=settings) as running:
        yield running
        running.assert_nothing_leaked()


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

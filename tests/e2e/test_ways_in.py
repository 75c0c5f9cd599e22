"""One listener, three ways in, and what arrives at the provider. (DESIGN sections 2, 4 and 6)"""

from __future__ import annotations

import base64
import json
import subprocess

import pytest

from tests.client import BEARER, CHAT, raw, send
from tests.provider import FakeProvider
from tests.proxy import KEY, TOKEN, RunningProxy

pytestmark = pytest.mark.e2e
HOST = {"openai": "api.openai.com", "groq": "api.groq.com", "anthropic": "api.anthropic.com"}


@pytest.mark.parametrize(
    ("target", "arrives"),
    [
        ("/openai/v1/chat/completions", "/v1/chat/completions"),
        ("/openai/chat/completions", "/v1/chat/completions"),
        ("/groq/v1/chat/completions", "/openai/v1/chat/completions"),
        ("/groq/openai/v1/chat/completions", "/openai/v1/chat/completions"),
        ("/groq/chat/completions?a=1&key=x&b=%2F", "/openai/v1/chat/completions?a=1&b=%2F"),
        ("/mine/v9/chat/completions", "/deep/base/v9/chat/completions"),
        ("/mine/v1/chat/completions", "/deep/base/v9/chat/completions"),
        ("/google-ai-studio/v1beta/models/a%3Ab:generateContent", "/v1beta/models/a%3Ab:generateContent"),
        ("/gemini/v1/models/x:generateContent", "/v1/models/x:generateContent"),
        ("/gemini/v1/chat/completions", "/v1beta/openai/chat/completions"),
    ],
)
def test_base_url(proxy: RunningProxy, provider: FakeProvider, target: str, arrives: str) -> None:
    reply = send(proxy, target, CHAT)
    assert reply.status == 200, reply.body
    arrived = provider.wait_for(1)[0]
    assert arrived.target == arrives
    assert arrived.json == CHAT
    assert arrived.header("host") == f"127.0.0.1:{provider.port}"


@pytest.mark.parametrize("name", HOST)
def test_connect(proxy: RunningProxy, provider: FakeProvider, name: str) -> None:
    native = {"groq": "/openai/v1/chat/completions", "anthropic": "/v1/messages"}.get(name, "/v1/chat/completions")
    assert send(proxy, native, CHAT | {"max_tokens": 5}, via=HOST[name]).status == 200
    assert provider.wait_for(1)[0].target == native


def test_connect_with_proxy_credentials_beats_the_dummy_key_inside(proxy: RunningProxy, provider: FakeProvider) -> None:
    basic = "Basic " + base64.b64encode(f"x:{TOKEN}".encode()).decode()
    dummy = {"Authorization": "Bearer sk-dummy"}
    reply = send(proxy, "/v1/chat/completions", CHAT, headers=dummy, via=HOST["openai"],
                 connect_headers={"Proxy-Authorization": basic})  # fmt: skip
    assert reply.status == 200
    assert provider.wait_for(1)[0].headers_named("authorization") == [f"Bearer {KEY}"]


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_curl_through_https_proxy(proxy: RunningProxy, provider: FakeProvider, version: str) -> None:
    done = subprocess.run(
        ["curl", "-sS", version, "-x", proxy.url, "--cacert", proxy.ca, "https://api.openai.com/v1/chat/completions",
         "-H", f"Authorization: Bearer {TOKEN}", "-H", "Content-Type: application/json", "-d", json.dumps(CHAT),
         "-w", "\n%{http_version}"],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    body, used = done.stdout.rsplit("\n", 1)
    assert json.loads(body)["choices"][0]["message"]["content"] == "pong"
    assert used == ("2" if "2" in version else "1.1")
    assert provider.wait_for(1)[0].headers_named("authorization") == [f"Bearer {KEY}"]


def test_absolute_form(proxy: RunningProxy, provider: FakeProvider) -> None:
    body = json.dumps(CHAT).encode()
    with raw(proxy) as client:
        client.send(
            b"POST http://api.openai.com/v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n"
            b"Proxy-Authorization: Bearer " + TOKEN.encode() + b"\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        assert client.to_end().startswith(b"HTTP/1.1 200")
    arrived = provider.wait_for(1)[0]
    assert arrived.headers_named("authorization") == [f"Bearer {KEY}"]
    assert arrived.headers_named("proxy-authorization") == []


def test_x_host_final_beats_the_prefix(proxy: RunningProxy, provider: FakeProvider) -> None:
    headers = BEARER | {"X-Host-Final": "https://API.groq.com:443/"}
    assert send(proxy, "/openai/v1/chat/completions", CHAT, headers=headers).status == 200
    arrived = provider.wait_for(1)[0]
    assert arrived.target == "/openai/v1/chat/completions"
    assert arrived.headers_named("x-host-final") == []


def test_health_needs_no_token(proxy: RunningProxy) -> None:
    reply = send(proxy, "/health", headers={})
    assert (reply.status, reply.json["status"]) == (200, "ok")
    assert send(proxy, "/", headers={}).status == 200

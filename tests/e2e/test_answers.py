"""What a client hears when something is wrong: JSON in its provider's shape, a stable code, at once."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.client import BEARER, CHAT, raw, send
from tests.provider import FakeProvider
from tests.proxy import KEY, TOKEN, RunningProxy, key

pytestmark = pytest.mark.e2e


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    url, dead = provider_of_module.url, f"http://127.0.0.1:{closed_port()}"
    providers = {
        "openai": {"endpoint": f"{url}/v1", "keys": [key()]},
        "anthropic": {"endpoint": f"{url}/v1", "keys": [key()]},
        "gemini": {"endpoint": f"{url}/v1beta", "keys": [key()]},
        "groq": {"endpoint": f"{dead}/openai/v1", "keys": [key()]},
        "mistral": {"endpoint": f"{url}/v1", "keys": [key(KEY, type="expired")]},
        "morph": {"endpoint": f"{url}/v1"},
    }
    users = {
        "alice": {"key": TOKEN},
        "bob": {"key": "mv-bob-token-1234567890", "providers": ["gemini"], "models": ["gemini-*"]},
        "gone": {"key": "mv-gone-token-1234567890", "type": "expired"},
    }
    with RunningProxy(tmp_path_factory.mktemp("home"), providers, users=users) as running:
        yield running
        running.assert_nothing_leaked("mv-bob-token-1234567890", "mv-gone-token-1234567890")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


BOB = bearer("mv-bob-token-1234567890")
GEMINI = "/gemini/v1beta/models/{}:generateContent"
CASES = [
    ("/openai/v1/chat/completions", {}, 401, "missing_token"),
    ("/openai/v1/chat/completions", bearer("mv-nobody-nobody"), 403, "unknown_token"),
    ("/openai/v1/chat/completions", bearer("mv-gone-token-1234567890"), 403, "unknown_token"),
    ("/openai/v1/chat/completions", BEARER | {"x-api-key": "mv-bob-token-1234567890"}, 400, "ambiguous_token"),
    ("/anthropic/v1/messages", {}, 401, "missing_token"),
    (GEMINI.format("gemini-x"), {}, 401, "missing_token"),
    ("/openai/v1/chat/completions", BOB, 403, "provider_not_allowed"),
    (GEMINI.format("other"), BOB, 403, "model_not_allowed"),
    ("/gemini/v1beta/models/gemini-x/../other:generateContent", BOB, 400, "bad_path"),
    ("/nope/v1/chat/completions", BEARER, 400, "no_provider"),
    ("/nope/v1/chat/completions", {}, 401, "missing_token"),
    ("/v1/chat/completions", BEARER | {"X-Host-Final": "evil.example"}, 400, "unknown_host_final"),
    ("/GROQ/v1/chat/completions", BEARER, 400, "no_provider"),
    ("/mistral/v1/chat/completions", BEARER, 503, "no_usable_key"),
    ("/morph/v1/chat/completions", BEARER, 503, "no_usable_key"),
    ("/sambanova/v1/chat/completions", BEARER, 503, "no_usable_key"),
    ("/groq/v1/chat/completions", BEARER, 502, "upstream_unreachable"),
]


@pytest.mark.parametrize(("target", "headers", "status", "reason"), CASES)
def test_refusals(
    proxy: RunningProxy, provider: FakeProvider, target: str, headers: dict[str, str], status: int, reason: str
) -> None:
    reply = send(proxy, target, CHAT, headers=headers)
    assert (reply.status, reply.reason) == (status, reason)
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-should-retry"] == ("true" if reason == "upstream_unreachable" else "false")
    assert provider.arrivals == []
    error = reply.json["error"]
    if "gemini" in target:
        assert (error["code"], error["details"][0]["reason"]) == (status, reason)
    elif "messages" in target:
        assert (reply.json["type"], error["code"]) == ("error", reason)
    else:
        assert error["code"] == reason and error["type"] and error["message"]


def test_a_refusal_names_the_provider(proxy: RunningProxy) -> None:
    assert "mistral" in send(proxy, "/mistral/v1/chat/completions", CHAT).json["error"]["message"]


def test_bob_may_use_what_he_may(proxy: RunningProxy, provider: FakeProvider) -> None:
    assert send(proxy, GEMINI.format("gemini-x"), CHAT, headers=BOB).status == 200
    assert provider.wait_for(1)[0].headers_named("x-goog-api-key") == [KEY]


@pytest.mark.parametrize("framing", ["Content-Length: 100000000", "Transfer-Encoding: chunked"])
def test_a_refusal_does_not_wait_for_the_body(proxy: RunningProxy, framing: str) -> None:
    with raw(proxy) as client:
        client.send(f"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{proxy.port}\r\n"
                    f"Expect: 100-continue\r\n{framing}\r\n\r\n".encode())  # fmt: skip
        answer = client.until(b'missing_token"')
    assert answer.startswith(b"HTTP/1.1 401 ")


def test_nonsense_is_answered_in_json(proxy: RunningProxy) -> None:
    with raw(proxy) as client:
        client.send(b"GARBAGE mv-alice-token-for-tests-only\r\n\r\n")
        answer = client.to_end()
    assert answer.startswith(b"HTTP/1.1 400 ") and b'"bad_request"' in answer and TOKEN.encode() not in answer


def test_provider_that_speaks_no_http(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.raw(b"SSH-2.0-OpenSSH\r\n\r\n")
    reply = send(proxy, "/openai/v1/chat/completions", CHAT)
    assert (reply.status, reply.reason) == (502, "upstream_failed")


def test_provider_that_hangs_up(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.raw(b"")
    reply = send(proxy, "/anthropic/v1/messages", CHAT | {"max_tokens": 1})
    assert (reply.status, reply.reason, reply.json["type"]) == (502, "upstream_failed", "error")

"""Reference system 001: OpenAI-compatible paths, the provider chosen by the model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.client import BEARER, send
from tests.provider import FakeProvider
from tests.proxy import TOKEN, RunningProxy

pytestmark = pytest.mark.e2e
AUTH_TOKEN = "auth-token-of-system-001"
KEYS = {
    name: f"sk-canary-{name}-key-0002" for name in ("workers-ai", "openai", "gemini", "anthropic", "mistral", "groq")
}
SCOUT = "@cf/meta/llama-4-scout-17b-16e-instruct"


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    url = provider_of_module.url
    endpoints = {
        "workers-ai": f"{url}/client/v4/accounts/acct/ai", "gemini": f"{url}/v1beta", "groq": f"{url}/openai/v1",
    }  # fmt: skip
    providers = {
        name: {"endpoint": endpoints.get(name, f"{url}/v1"), "keys": [{"key": key}]} for name, key in KEYS.items()
    }
    providers["openai"]["models"] = [{"id": "gpt-4o"}, {"id": "gpt-4o-mini"}]
    environ = {"CLOUDFLARE_ACCOUNT_ID": "acct", "AUTH_TOKEN": AUTH_TOKEN}
    settings = "allow_origins: ['https://app.example']\n"
    with RunningProxy(tmp_path_factory.mktemp("home"), providers, environ=environ, settings=settings) as running:
        yield running
        running.assert_nothing_leaked(AUTH_TOKEN, *KEYS.values())


def chat(model: str | None, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}


class TestAuthentication:
    """Group 15: X-AUTH-TOKEN, auth_token; deviation: Bearer works too, and without a token nobody may in."""

    @pytest.mark.parametrize("token", [AUTH_TOKEN, TOKEN])
    def test_header(self, proxy: RunningProxy, provider: FakeProvider, token: str) -> None:
        reply = send(proxy, "/v1/chat/completions", chat("gpt-4o"), headers={"X-AUTH-TOKEN": token})
        (arrived,) = provider.wait_for(1)
        assert (reply.status, arrived.header("authorization")) == (200, f"Bearer {KEYS['openai']}")
        assert arrived.header("x-auth-token") is None

    def test_query(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        reply = send(proxy, f"/v1/chat/completions?auth_token={AUTH_TOKEN}&a=1", chat("gpt-4o"), headers={})
        assert (reply.status, provider.wait_for(1)[0].target) == (200, "/v1/chat/completions?a=1")

    def test_bearer(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        headers = {"Authorization": f"Bearer {AUTH_TOKEN}"}
        assert send(proxy, "/v1/chat/completions", chat("gpt-4o"), headers=headers).status == 200
        assert provider.wait_for(1)[0].header("authorization") == f"Bearer {KEYS['openai']}"

    @pytest.mark.parametrize(("headers", "status"), [({}, 401), ({"X-AUTH-TOKEN": "wrong-token"}, 403)])
    def test_refused_in_the_shape_that_sdks_show(
        self, proxy: RunningProxy, provider: FakeProvider, headers: dict[str, str], status: int
    ) -> None:
        reply = send(proxy, "/v1/chat/completions", chat("gpt-4o"), headers=headers)
        assert (reply.status, set(reply.json["error"])) == (status, {"message", "type", "param", "code"})
        assert provider.arrivals == []


class TestChat:
    """The model chooses the provider."""

    @pytest.mark.parametrize(
        ("model", "name", "target"),
        [
            (SCOUT, "workers-ai", "/client/v4/accounts/acct/ai/v1/chat/completions"),
            ("gpt-4", "openai", "/v1/chat/completions"),
            ("gpt-3.5-turbo", "openai", "/v1/chat/completions"),
            ("gemini-pro", "gemini", "/v1beta/openai/chat/completions"),
            ("models/gemini-1.5-pro", "gemini", "/v1beta/openai/chat/completions"),
            ("o3-mini", "openai", "/v1/chat/completions"),
            ("claude-sonnet-4", "anthropic", "/v1/chat/completions"),
            ("mistral-large-latest", "mistral", "/v1/chat/completions"),
            ("llama-3.3-70b-versatile", "groq", "/openai/v1/chat/completions"),
        ],
    )
    @pytest.mark.parametrize("stream", [False, True])
    def test_patterns(
        self, proxy: RunningProxy, provider: FakeProvider, model: str, name: str, target: str, stream: bool
    ) -> None:
        reply = send(proxy, "/v1/chat/completions", chat(model, stream=stream))
        (arrived,) = provider.wait_for(1)
        assert (arrived.target, arrived.json["model"]) == (target, model)
        assert arrived.header("authorization") == f"Bearer {KEYS[name]}"
        if stream:
            assert reply.headers["content-type"].startswith("text/event-stream") and reply.body.endswith(
                b"data: [DONE]\n\n"
            )
        else:
            assert reply.json["choices"][0]["message"]["content"] == "pong"
            assert {"id", "object", "created", "model", "usage"} <= set(reply.json)

    def test_deviation_what_matches_nothing_is_refused(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        reply = send(proxy, "/v1/chat/completions", chat("unheard-of"))
        assert (reply.status, reply.reason, provider.arrivals) == (400, "no_provider", [])

    @pytest.mark.parametrize(
        ("named", "model", "name"),
        [("openai", "unheard-of", "openai"), ("gemini", "gpt-4o", "gemini"), ("cloudflare", "gpt-oss", "workers-ai")],
    )
    def test_the_field_provider(
        self, proxy: RunningProxy, provider: FakeProvider, named: str, model: str, name: str
    ) -> None:
        assert send(proxy, "/v1/chat/completions", chat(model, provider=named)).status == 200
        (arrived,) = provider.wait_for(1)
        assert arrived.header("authorization") == f"Bearer {KEYS[name]}"
        assert arrived.json == chat(model)

    def test_an_unknown_provider_in_the_field(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        reply = send(proxy, "/v1/chat/completions", chat("gpt-4o", provider="nobody"))
        assert (reply.status, provider.arrivals) == (400, [])

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/v1/completions", {"prompt": "hi"}),
            ("/v1/embeddings", {"input": "hi"}),
            ("/v1/responses", {"input": "hi"}),
        ],
    )
    def test_other_paths_on_workers_ai(
        self, proxy: RunningProxy, provider: FakeProvider, path: str, body: dict[str, str]
    ) -> None:
        provider.next(body=b'{"ok":1}', headers={"Content-Type": "application/json"})
        assert send(proxy, path, {"model": SCOUT} | body).json == {"ok": 1}
        (arrived,) = provider.wait_for(1)
        assert (arrived.target, arrived.json["model"]) == (f"/client/v4/accounts/acct/ai{path}", SCOUT)

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/v1/completions", {"prompt": "hi"}),
            ("/v1/embeddings", {"input": "hi"}),
            ("/v1/responses", {"input": "hi"}),
        ],
    )
    def test_other_paths(self, proxy: RunningProxy, provider: FakeProvider, path: str, body: dict[str, str]) -> None:
        provider.next(body=b'{"ok":1}', headers={"Content-Type": "application/json"})
        assert send(proxy, path, {"model": "gpt-4o"} | body).json == {"ok": 1}
        (arrived,) = provider.wait_for(1)
        assert (arrived.target, arrived.json) == (path, {"model": "gpt-4o"} | body)

    def test_messages(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        reply = send(proxy, "/v1/messages", chat("claude-sonnet-4", max_tokens=5))
        (arrived,) = provider.wait_for(1)
        assert (reply.json["type"], arrived.target, arrived.header("x-api-key")) == (
            "message",
            "/v1/messages",
            KEYS["anthropic"],
        )

    def test_deviation_an_error_of_the_provider_keeps_its_status(
        self, proxy: RunningProxy, provider: FakeProvider
    ) -> None:
        provider.next(429, {"Retry-After": "3", "Content-Type": "application/json"}, b'{"error":{"message":"slow"}}')
        reply = send(proxy, "/v1/chat/completions", chat("gpt-4o"))
        assert (reply.status, reply.headers["retry-after"], reply.json) == (429, "3", {"error": {"message": "slow"}})


class TestPages:
    """What it answers itself."""

    def test_model_options(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        listed = send(proxy, "/v1/model-options").json
        assert listed["object"] == "list" and provider.arrivals == []
        found = [(item["id"], item["object"], item["provider"]) for item in listed["data"]]
        assert found == [("gpt-4o", "model", "openai"), ("gpt-4o-mini", "model", "openai")]

    @pytest.mark.parametrize(
        ("model", "name"), [(SCOUT, "workers-ai"), ("gpt-4", "openai"), ("gemini-pro", "gemini"), ("unheard-of", None)]
    )
    def test_route_check(self, proxy: RunningProxy, provider: FakeProvider, model: str, name: str | None) -> None:
        before = time.time() * 1000
        found = send(proxy, f"/v1/route-check?model={model}").json
        assert (found["provider"], found["model"], found["available"]) == (name, model, name is not None)
        assert before - 1 <= found["timestamp"] <= time.time() * 1000 and provider.arrivals == []

    def test_route_check_of_a_provider_without_a_key(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        found = send(proxy, "/v1/route-check?model=command-r").json
        assert (found["provider"], found["available"], found["reason"]) == ("cohere", False, "no_usable_key")
        assert provider.arrivals == []

    def test_deviation_health_names_providers_to_users_alone(self, proxy: RunningProxy) -> None:
        assert set(send(proxy, "/health", headers={}).json) == {"status", "service", "version"}
        told = send(proxy, "/health").json
        assert told["providers"]["openai"] is True and set(KEYS) <= set(told["available_providers"])

    @pytest.mark.parametrize(
        ("method", "path", "allow"),
        [
            ("GET", "/v1/chat/completions", "POST"),
            ("POST", "/v1/route-check", "GET, HEAD"),
            ("DELETE", "/v1/model-options", "GET, HEAD"),
            ("GET", "/v1/tokenize", "POST"),
        ],
    )
    def test_wrong_methods_come_before_the_token(
        self, proxy: RunningProxy, provider: FakeProvider, method: str, path: str, allow: str
    ) -> None:
        reply = send(proxy, path, method=method, headers={})
        assert (reply.status, reply.headers["allow"], provider.arrivals) == (405, allow, [])

    def test_unknown_paths(self, proxy: RunningProxy) -> None:
        assert send(proxy, "/v1/nothing").status == 404

    def test_deviation_preflights_are_204_and_for_allowed_origins(self, proxy: RunningProxy) -> None:
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-auth-token,x-session-id"}
        reply = send(proxy, "/v1/chat/completions", method="OPTIONS", headers={"Origin": "https://app.example"} | asked)
        assert (reply.status, reply.headers["access-control-allow-origin"]) == (204, "https://app.example")
        assert reply.headers["access-control-allow-headers"] == "x-auth-token,x-session-id"
        assert reply.headers["access-control-max-age"] == "86400"


class TestTokenize:
    """Deviation: counted by a tokenizer; the answer names the method."""

    @pytest.mark.parametrize(
        ("body", "tokens", "method"),
        [
            ({"input": "Count the tokens in this text", "model": "gpt-4o"}, 6, "o200k_base"),
            ({"input": "Count the tokens in this text", "model": "gpt-4"}, 6, "cl100k_base"),
            ({"input": "", "model": "gpt-4o"}, 0, "o200k_base"),
        ],
    )
    def test_counts(self, proxy: RunningProxy, body: dict[str, str], tokens: int, method: str) -> None:
        found = send(proxy, "/v1/tokenize", body).json
        assert (found["tokens"], found["model"], found["method"]) == (tokens, body["model"], method)

    def test_without_a_model(self, proxy: RunningProxy) -> None:
        found = send(proxy, "/v1/tokenize", {"input": "Hello, world!"}).json
        assert (found["tokens"], found["model"]) == (4, "unknown")

    def test_without_an_input(self, proxy: RunningProxy) -> None:
        assert send(proxy, "/v1/tokenize", {"model": "gpt-4o"}).status == 400


class TestSessions:
    """X-SESSION-ID and the cookie session_id are recorded, and stay here."""

    @pytest.mark.parametrize("headers", [{"X-SESSION-ID": "s-1234"}, {"Cookie": "a=b; session_id=s-1234"}])
    def test_recorded(self, proxy: RunningProxy, provider: FakeProvider, headers: dict[str, str]) -> None:
        before = proxy.recorder.ended
        assert send(proxy, "/v1/chat/completions", chat("gpt-4o"), headers=BEARER | headers).status == 200
        (arrived,) = provider.wait_for(1)
        assert arrived.header("x-session-id") is None and arrived.header("cookie") is None
        flow = proxy.recorder.wait_ended(before + 1)[-1]
        assert flow.metadata["mitmvault_session"] == "s-1234" and "s-1234" in flow.comment

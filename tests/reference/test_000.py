"""Reference system 000: one access key, `POST /` with messages, a model on Workers AI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.client import send
from tests.provider import FakeProvider
from tests.proxy import TOKEN, RunningProxy

pytestmark = pytest.mark.e2e
ACCESS = "worker-access-key-of-000"
KEY = "canary-cloudflare-key-000"
BEARER = {"Authorization": f"Bearer {ACCESS}"}
RUN = "/client/v4/accounts/acct/ai"
CHAT = {
    "messages": [
        {"role": "system", "content": "You are a helpful AI assistant."},
        {"role": "user", "content": "Tell me a short story about a brave knight."},
    ]
}


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    environ = {"CLOUDFLARE_ACCOUNT_ID": "acct", "WORKER_ACCESS_KEY": ACCESS, "CLOUDFLARE_API_KEY": KEY}
    providers = {"workers-ai": {"endpoint": f"{provider_of_module.url}{RUN}", "keys": []}}
    with RunningProxy(tmp_path_factory.mktemp("home"), providers, environ=environ) as running:
        yield running
        running.assert_nothing_leaked(ACCESS, KEY)


class TestChat:
    """Messages go to the default model; deviation: through Workers AI's OpenAI-compatible address."""

    def test_messages_alone(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        reply = send(proxy, "/", CHAT, headers=BEARER)
        (arrived,) = provider.wait_for(1)
        assert (reply.status, reply.json["choices"][0]["message"]["content"]) == (200, "pong")
        assert (arrived.method, arrived.target) == ("POST", f"{RUN}/v1/chat/completions")
        assert arrived.json == {"model": "@cf/meta/llama-3-8b-instruct"} | CHAT
        assert arrived.headers_named("authorization") == [f"Bearer {KEY}"]

    def test_without_a_content_type(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        assert send(proxy, "/", json.dumps(CHAT).encode(), headers=BEARER | kind).status == 200
        assert provider.wait_for(1)[0].header("content-type") == "application/json"

    def test_deviation_a_model_of_the_clients_choice(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        assert send(proxy, "/", {"model": "@cf/meta/llama-4"} | CHAT, headers=BEARER).status == 200
        assert provider.wait_for(1)[0].json == {"model": "@cf/meta/llama-4"} | CHAT

    def test_another_default_model(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        proxy.home.settings.write_text("default_model: workers-ai/@cf/qwen/qwen3\n")
        reply = send(proxy, "/", CHAT, headers=BEARER)
        proxy.home.settings.write_text("")
        assert (reply.status, provider.wait_for(1)[0].json["model"]) == (200, "@cf/qwen/qwen3")

    def test_deviation_the_answer_may_stream(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        reply = send(proxy, "/", CHAT | {"stream": True}, headers=BEARER)
        assert reply.status == 200 and reply.body.endswith(b"data: [DONE]\n\n") and provider.wait_for(1)

    def test_native_form(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        provider.next(body=b'{"result":{"response":"pong"},"success":true}')
        reply = send(proxy, "/workers-ai/run/@cf/meta/llama-3-8b-instruct", CHAT, headers=BEARER)
        (arrived,) = provider.wait_for(1)
        assert (reply.json["result"], arrived.json) == ({"response": "pong"}, CHAT)
        assert arrived.target == f"{RUN}/run/@cf/meta/llama-3-8b-instruct"


class TestAccess:
    """Tier one: the access key; tier two, the provider's, stays inside."""

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({}, 401),
            ({"Authorization": "Bearer "}, 401),
            ({"Authorization": "Bearer wrong-key"}, 403),
            ({"Authorization": f"Bearer {KEY}"}, 403),
            ({"Authorization": f"Bearer {ACCESS}x"}, 403),
        ],
    )
    def test_deviation_a_wrong_key_is_403_and_none_401(
        self, proxy: RunningProxy, provider: FakeProvider, headers: dict[str, str], status: int
    ) -> None:
        reply = send(proxy, "/", CHAT, headers=headers)
        assert (reply.status, provider.arrivals) == (status, [])
        assert status != 401 or reply.headers["www-authenticate"].startswith("Bearer")

    @pytest.mark.parametrize("token", [ACCESS, TOKEN])
    def test_deviation_users_may_in_as_well(self, proxy: RunningProxy, provider: FakeProvider, token: str) -> None:
        assert send(proxy, "/", CHAT, headers={"Authorization": f"Bearer {token}"}).status == 200
        assert provider.wait_for(1)[0].headers_named("authorization") == [f"Bearer {KEY}"]


class TestMethods:
    """Chat is POST alone."""

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
    def test_others_are_405(self, proxy: RunningProxy, provider: FakeProvider, method: str) -> None:
        reply = send(proxy, "/", CHAT, method=method, headers=BEARER)
        assert (reply.status, provider.arrivals) == (405, [])
        assert set(reply.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}

    def test_deviation_get_tells_the_state(self, proxy: RunningProxy) -> None:
        assert send(proxy, "/", headers={}).json["status"] == "ok"


class TestErrors:
    """Each in JSON, with what to do."""

    @pytest.mark.parametrize(
        "body", [{}, {"messages": []}, {"messages": "hi"}, {"messages": None}, {"messages": {"role": "user"}}]
    )
    def test_messages_are_required(self, proxy: RunningProxy, provider: FakeProvider, body: dict[str, Any]) -> None:
        reply = send(proxy, "/", body, headers=BEARER)
        assert (reply.status, reply.reason, provider.arrivals) == (400, "missing_messages", [])
        assert "messages" in reply.json["error"]["message"]

    @pytest.mark.parametrize("raw", [b"{", b'"text"', b"", b"hello"])
    def test_deviation_broken_json_is_a_400(self, proxy: RunningProxy, provider: FakeProvider, raw: bytes) -> None:
        reply = send(proxy, "/", raw, headers=BEARER | {"Content-Type": "application/json"})
        assert (reply.status, provider.arrivals) == (400, [])

    def test_deviation_an_error_of_the_model_keeps_its_status(
        self, proxy: RunningProxy, provider: FakeProvider
    ) -> None:
        provider.next(429, {"Content-Type": "application/json"}, b'{"errors":[{"code":3040}],"success":false}')
        reply = send(proxy, "/", CHAT, headers=BEARER)
        assert (reply.status, reply.json["errors"]) == (429, [{"code": 3040}])

"""GET /v1/models over the wire: each provider is asked by an ordinary request of ours, with its own key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mitmproxy import http as mitm

from tests import sdk
from tests.client import BEARER, send
from tests.conftest import standard_providers
from tests.provider import Arrived, FakeProvider
from tests.proxy import KEY, RunningProxy, key

pytestmark = pytest.mark.e2e
ORIGIN = {"Origin": "https://chat.example.com"}


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    providers = standard_providers(provider_of_module.url) | {
        "groq": {"endpoint": f"{provider_of_module.url}/openai/v1", "keys": [key()], "models": [{"id": "from/vault"}]},
        "mistral": {"endpoint": provider_of_module.url, "keys": [key(type="expired")]},
    }
    settings = "models_timeout: 1\nallow_origins: [https://chat.example.com]\n"
    with RunningProxy(tmp_path_factory.mktemp("home"), providers, settings=settings) as running:
        yield running
        running.assert_nothing_leaked()


def at(path: str) -> object:
    return lambda arrived: arrived.target.partition("?")[0] == path


def lists(provider: FakeProvider) -> None:
    provider.next(200, {}, b'{"models": [{"name": "models/gemini-x"}]}', when=at("/v1beta/models"))  # type: ignore[arg-type]
    provider.next(200, {}, b'{"data": [{"id": "mine-x"}]}', when=at("/deep/base/v9/models"))  # type: ignore[arg-type]


def by_path(arrivals: list[Arrived], path: str) -> Arrived:
    (found,) = [arrived for arrived in arrivals if arrived.target.partition("?")[0] == path]
    return found


def test_everybody_is_asked_with_their_own_key(proxy: RunningProxy, provider: FakeProvider) -> None:
    lists(provider)
    provider.next(200, {}, b'{"data": [{"id": "claude-x"}]}', when=lambda a: a.header("x-api-key") is not None)
    before = proxy.recorder.ended
    reply = send(proxy, "/v1/models", headers=BEARER | ORIGIN)
    assert reply.status == 200 and "errors" not in reply.json, reply.body
    ids = [model["id"] for model in reply.json["data"]]
    assert {"anthropic/claude-x", "gemini/gemini-x", "groq/from/vault", "mine/mine-x"} < set(ids)
    assert any(one.startswith("openai/") for one in ids) and not any(one.startswith("mistral/") for one in ids)
    assert reply.headers["access-control-allow-origin"] == ORIGIN["Origin"]
    arrivals = provider.wait_for(4)
    assert len(arrivals) == 4  # not groq, whose models the vault names; not mistral, whose key is expired
    assert by_path(arrivals, "/v1beta/models").header("x-goog-api-key") == KEY
    assert by_path(arrivals, "/v1beta/models").query == "pageSize=1000"
    assert by_path(arrivals, "/deep/base/v9/models").header("authorization") == f"Bearer {KEY}"
    (claude,) = [arrived for arrived in arrivals if arrived.header("anthropic-version")]
    assert (claude.header("x-api-key"), claude.query) == (KEY, "limit=1000")
    assert not [name for arrived in arrivals for name, _ in arrived.headers if name.lower().startswith("x-mitmvault")]
    flows = [seen for seen in proxy.recorder.wait_ended(before + 5) if isinstance(seen, mitm.HTTPFlow)]
    asked = [seen for seen in flows if "x-mitmvault-inquiry" in seen.request.headers]
    assert {seen.request.headers["x-mitmvault-inquiry"] for seen in asked} == {"[removed]"}
    assert {seen.metadata.get("mitmvault_user") for seen in flows if seen.comment} == {"alice"}


def test_one_hangs_and_one_fails(proxy: RunningProxy, provider: FakeProvider) -> None:
    lists(provider)
    hanging = provider.stream(when=lambda arrived: arrived.header("x-api-key") is not None)
    provider.next(500, {}, KEY.encode(), when=lambda a: a.target == "/v1/models")
    reply = send(proxy, "/models")
    assert reply.status == 200
    assert {error["provider"]: error["code"] for error in reply.json["errors"]} == {
        "openai": "upstream_status", "anthropic": "timeout"}  # fmt: skip
    assert reply.headers["x-mitmvault-incomplete"] == "openai, anthropic"
    assert {model["id"] for model in reply.json["data"]} == {"gemini/gemini-x", "groq/from/vault", "mine/mine-x"}
    assert KEY.encode() not in reply.body
    hanging.abort()


def test_one_model_and_wrong_method(proxy: RunningProxy, provider: FakeProvider) -> None:
    assert send(proxy, "/v1/models/groq/from/vault").json["owned_by"] == "groq"
    assert provider.arrivals == []
    provider.next(200, {}, b'{"data": [{"id": "mine-x", "more": 1}]}')
    assert send(proxy, "/v1/models/mine%2Fmine-x").json["more"] == 1
    assert send(proxy, "/v1/models/mine/none").reason == "not_found"
    reply = send(proxy, "/v1/models", {}, headers={})
    assert (reply.status, reply.reason, reply.headers["allow"]) == (405, "method_not_allowed", "GET, HEAD")
    reply = send(proxy, "/v1/chat/completions", method="GET", headers={})
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


@pytest.mark.sdk
def test_the_openai_sdk_lists_them(proxy: RunningProxy, provider: FakeProvider) -> None:
    sdk.require()
    lists(provider)
    environ = {"OPENAI_API_KEY": proxy.token, "OPENAI_BASE_URL": f"{proxy.url}/v1"}
    outcome = sdk.run({"it": ["openai_sdk.py", "--answer", "models"]}, environ)["it"]
    assert {"gemini/gemini-x", "mine/mine-x", "groq/from/vault"} < set(outcome.said["text"].split()), outcome

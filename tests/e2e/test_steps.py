"""POST / with several steps: at the gateway in one request, else tried by us one after the other."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import pytest

from tests.client import BEARER, CHAT, Reply, send
from tests.provider import Arrived, FakeProvider
from tests.proxy import KEY, RunningProxy, key

pytestmark = pytest.mark.e2e
AIG_TOKEN = "cf-aig-canary-token-0001"
SECOND = "sk-canary-second-provider-key-0002"
THIRD = "sk-canary-third-provider-key-0003"
JSON = {**BEARER, "Content-Type": "application/json"}
QUERY = '{ "model":"m-1" , "messages":[{"role":"user","content":"Bearer [groq #1 …0001]"}] }'.encode()


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    url = provider_of_module.url
    gateway = {"gatewayEndpoint": f"{url}/v1/{{account}}/main/compat"}
    providers = {
        "groq": {**gateway, "keys": [key(), key(SECOND)]},
        "anthropic": {**gateway, "keys": [key(THIRD)]},
        "openai": {"endpoint": f"{url}/openai/v1", "keys": [key(), key(SECOND)]},
        "mistral": {"endpoint": f"{url}/mistral/v1", "keys": [key(THIRD)]},
    }
    environ = {"CLOUDFLARE_ACCOUNT_ID": "acct", "CLOUDFLARE_AIG_TOKEN": AIG_TOKEN}
    with RunningProxy(tmp_path_factory.mktemp("home"), providers, environ=environ) as running:
        yield running
        running.assert_nothing_leaked(AIG_TOKEN, SECOND, THIRD)


def step(provider: str, endpoint: str = "chat/completions", more: bytes = b"") -> bytes:
    """A step of which the query is QUERY, to the byte."""
    head = json.dumps({"provider": provider, "endpoint": endpoint})[:-1].encode()
    return head + b', "query": ' + QUERY + more + b"}"


def ask(proxy: RunningProxy, *steps: bytes, **headers: str) -> Reply:
    return send(proxy, "/", b"[" + b", ".join(steps) + b"]", headers={**JSON, **headers})


def _told(proxy: RunningProxy, mark: str) -> str:
    """The story of the request with this mark."""
    return proxy.recorder.wait_for(lambda flow: flow.request.headers.get("user-agent") == mark).comment


def test_one_gateway_gets_one_request(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(headers={"cf-aig-step": "2"}, body=b'{"done": 1}')
    own = b', "headers": {"Authorization": "Bearer theirs", "cf-aig-cache-ttl": "60"}, "config": {"maxAttempts" :2}'
    steps = (step("groq", more=own), step("anthropic", "v1/messages"), step("groq", "embeddings"))
    reply = ask(proxy, *steps, **{"user-agent": "one"})
    assert (reply.status, reply.json, reply.headers["cf-aig-step"]) == (200, {"done": 1}, "2")
    [arrived] = provider.wait_for(1)
    assert (arrived.method, arrived.target) == ("POST", "/v1/acct/main")
    assert arrived.body.count(b'"query":' + QUERY + b"}") == 3 and b'"config":{"maxAttempts" :2},' in arrived.body
    first, second, third = arrived.json
    assert [part["provider"] for part in (first, second, third)] == ["groq", "anthropic", "groq"]
    assert second["headers"] == {"x-api-key": THIRD, "content-type": "application/json"}
    assert {first["headers"]["authorization"], third["headers"]["authorization"]} == {
        f"Bearer {KEY}", f"Bearer {SECOND}"}  # fmt: skip
    assert first["headers"]["cf-aig-cache-ttl"] == "60" and b"theirs" not in arrived.body
    assert arrived.headers_named("cf-aig-authorization") == [f"Bearer {AIG_TOKEN}"]
    assert arrived.headers_named("authorization") == arrived.headers_named("cf-aig-cache-ttl") == []
    assert arrived.headers_named("content-length") == [str(len(arrived.body))]
    assert "via universal gateway" in _told(proxy, "one")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500])
def test_without_a_gateway_the_next_step_answers(proxy: RunningProxy, provider: FakeProvider, status: int) -> None:
    provider.next(status, body=b'{"error": "no"}', when=lambda arrived: "/openai/" in arrived.target)
    provider.next(body=b'{"done": 1}', when=lambda arrived: "/mistral/" in arrived.target)
    headers = {"x-outer": "1", "cf-aig-metadata": "x", "user-agent": f"{status}"}
    reply = ask(proxy, step("openai"), step("mistral", "fim/completions?a=1"), **headers)
    assert (reply.status, reply.json, reply.headers["cf-aig-step"]) == (200, {"done": 1}, "1")
    first, second = provider.wait_for(2)
    assert (first.target, second.target) == ("/openai/v1/chat/completions", "/mistral/v1/fim/completions?a=1")
    for arrived in (first, second):
        assert arrived.body == QUERY and arrived.headers_named("content-length") == [str(len(QUERY))]
        assert arrived.header("x-outer") == "1" and arrived.headers_named("cf-aig-metadata") == []
        assert arrived.headers_named("content-type") == ["application/json"]
    assert second.headers_named("authorization") == [f"Bearer {THIRD}"]
    assert "step 1" in _told(proxy, f"{status}")


def test_the_first_answer_that_is_no_error_is_it(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(body=b"{}")
    reply = ask(proxy, step("openai"), step("mistral"))
    assert (reply.status, reply.headers["cf-aig-step"], len(provider.wait_for(1))) == (200, "0", 1)


def test_the_last_answer_passes(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(500, body=b'{"error": "first"}')
    provider.next(404, body=b'{"error": "last"}')
    reply = ask(proxy, step("openai"), step("mistral"))
    assert (reply.status, reply.json, reply.headers["cf-aig-step"]) == (404, {"error": "last"}, "1")
    assert len(provider.wait_for(2)) == 2


def test_steps_of_one_provider_take_turns(proxy: RunningProxy, provider: FakeProvider) -> None:
    def of_openai(arrived: Arrived) -> bool:
        return "/openai/" in arrived.target

    provider.next(400, body=b"{}", when=of_openai)
    provider.next(body=b"{}", when=of_openai)
    own = b', "headers": {"x-api-key": "theirs", "x-own": "2"}'
    assert ask(proxy, step("openai"), step("openai", more=own)).status == 200
    first, second = provider.wait_for(2)
    assert {first.header("authorization"), second.header("authorization")} == {f"Bearer {KEY}", f"Bearer {SECOND}"}
    assert (first.headers_named("x-own"), second.headers_named("x-own")) == ([], ["2"])
    assert second.headers_named("x-api-key") == []


def test_with_and_without_a_gateway(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(400, body=b"{}")
    provider.next(body=b"{}")
    reply = ask(proxy, step("groq"), step("mistral"))
    assert (reply.status, reply.headers["cf-aig-step"]) == (200, "1")
    first, second = provider.wait_for(2)
    assert (first.target, first.json["model"]) == ("/v1/acct/main/compat/chat/completions", "groq/m-1")
    assert first.headers_named("cf-aig-authorization") == [f"Bearer {AIG_TOKEN}"]
    assert (second.target, second.body) == ("/mistral/v1/chat/completions", QUERY)
    assert second.headers_named("cf-aig-authorization") == second.headers_named("cf-aig-no-wholesale") == []


def test_a_compressed_list(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(body=b"{}")
    packed = gzip.compress(b"[" + step("mistral") + b"]")
    assert send(proxy, "/", packed, headers={**JSON, "Content-Encoding": "gzip"}).status == 200
    arrived = provider.wait_for(1)[0]
    assert arrived.body == QUERY and arrived.headers_named("content-encoding") == []


def test_a_stream_from_the_second_step(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(503, body=b"{}")
    provider.next(headers={"Content-Type": "text/event-stream"}, chunks=[b"data: 1\n\n", b"data: 2\n\n"])
    assert ask(proxy, step("openai"), step("mistral")).body == b"data: 1\n\ndata: 2\n\n"


def test_get_is_still_our_own_page(proxy: RunningProxy) -> None:
    assert send(proxy, "/").json["status"] == "ok"
    assert send(proxy, "/", CHAT, method="PUT").status == 405

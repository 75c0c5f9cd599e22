"""Through the gateway's universal endpoint: one element a key, and the keys in no place but the outgoing bytes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import pytest
from mitmproxy import ctx

from tests.client import BEARER, CHAT, send
from tests.provider import FakeProvider
from tests.proxy import KEY, RunningProxy, key

pytestmark = pytest.mark.e2e
AIG_TOKEN = "cf-aig-canary-token-0001"
SECOND = 'sk-canary-"second"-provider-key-0002'
SECRETS = (AIG_TOKEN, SECOND, json.dumps(SECOND)[1:-1])
# Looks like our own placeholders, and is the client's text.
BODY = ('{"model":"m-1", "messages" : [{"role":"user","content":"Bearer [groq #1 …0001] [groq #2 …0002]"}],'
        ' "x": "\\u00e9" }').encode()  # fmt: skip
JSON = {**BEARER, "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    routed = {"gatewayEndpoint": f"{provider_of_module.url}/v1/{{account}}/main", "gatewayMode": "universal"}
    keys = [key(), key(SECOND), key("sk-canary-expired-key-0003", type="expired")]
    providers = {"groq": {**routed, "keys": keys}, "anthropic": {**routed, "keys": [key(SECOND)]}}
    environ = {"CLOUDFLARE_ACCOUNT_ID": "acct", "CLOUDFLARE_AIG_TOKEN": AIG_TOKEN}
    with RunningProxy(tmp_path_factory.mktemp("home"), providers, environ=environ) as running:
        yield running
        running.assert_nothing_leaked(*SECRETS)


def expected(order: list[str]) -> bytes:
    """The bytes that must arrive."""
    elements = [
        b'{"provider":"groq","endpoint":"chat/completions","headers":{"authorization":'
        + json.dumps(f"Bearer {secret}").encode()
        + b',"content-type":"application/json"},"query":' + BODY + b"}"
        for secret in order
    ]  # fmt: skip
    return b"[" + b",".join(elements) + b"]"


def test_the_bytes_that_arrive(proxy: RunningProxy, provider: FakeProvider) -> None:
    for _ in range(2):
        provider.next(body=b"{}")
        assert send(proxy, "/groq/v1/chat/completions", BODY, headers=JSON).status == 200
    first, second = provider.wait_for(2)
    assert {first.body, second.body} == {expected([KEY, SECOND]), expected([SECOND, KEY])}
    for arrived in (first, second):
        assert (arrived.method, arrived.target) == ("POST", "/v1/acct/main")
        assert arrived.headers_named("content-length") == [str(len(arrived.body))]
        assert arrived.headers_named("cf-aig-authorization") == [f"Bearer {AIG_TOKEN}"]
        assert arrived.headers_named("authorization") == []
        assert arrived.headers_named("content-type") == ["application/json"]


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_codings_and_framings(proxy: RunningProxy, provider: FakeProvider, framing: str) -> None:
    provider.next(body=b"{}")
    packed = gzip.compress(BODY)
    body = packed if framing == "length" else iter([packed[:9], packed[9:]])
    assert send(proxy, "/groq/v1/chat/completions", body, headers={**JSON, "Content-Encoding": "gzip"}).status == 200
    arrived = provider.wait_for(1)[0]
    assert arrived.body in (expected([KEY, SECOND]), expected([SECOND, KEY]))
    assert arrived.headers_named("content-encoding") == arrived.headers_named("transfer-encoding") == []


def test_a_native_path(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(body=b"{}")
    assert (
        send(proxy, "/anthropic/v1/messages?beta=true", CHAT, headers={**JSON, "anthropic-version": "v"}).status == 200
    )
    [element] = provider.wait_for(1)[0].json
    assert element == {
        "provider": "anthropic",
        "endpoint": "v1/messages?beta=true",
        "headers": {"x-api-key": SECOND, "content-type": "application/json", "anthropic-version": "v"},
        "query": CHAT,
    }


def test_what_observers_see(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(headers={"cf-aig-step": "1"}, body=b"{}")
    headers = JSON | {"x-mark": "observed"}
    assert send(proxy, "/groq/v1/chat/completions", BODY, headers=headers).headers["cf-aig-step"] == "1"
    flow = proxy.recorder.wait_for(lambda flow: flow.request.headers.get("x-mark") == "observed")
    assert b'"Bearer [groq #1 \xe2\x80\xa60001]"' in flow.request.raw_content
    assert flow.comment.endswith(" · step 1") and "keys groq #" in flow.comment
    assert len(provider.wait_for(1)[0].body) > len(flow.request.raw_content)


def test_no_key_comes_back(proxy: RunningProxy, provider: FakeProvider) -> None:
    """The gateway repeats what it was sent, as it was written and as it was meant."""
    for kind in ("application/json", "text/event-stream"):
        echoed = expected([KEY, SECOND]) + SECOND.encode()
        provider.next(400, {"X-Sent": f"{KEY} {SECOND}", "Content-Type": kind}, echoed)
        reply = send(proxy, "/groq/v1/chat/completions", BODY, headers=JSON)
        seen = reply.body.decode() + reply.headers["x-sent"]
        assert not [secret for secret in (KEY, *SECRETS) if secret in seen]
        assert len(reply.body) == len(echoed) and BODY in reply.body


def test_a_replay(proxy: RunningProxy, provider: FakeProvider) -> None:
    """Decided anew from what the flow shows: the keys are there again, in turn."""
    provider.next(body=b"{}", times=2)
    assert send(proxy, "/groq/v1/chat/completions", BODY, headers=JSON | {"user-agent": "replayed"}).status == 200
    flow = proxy.recorder.wait_for(lambda flow: flow.request.headers.get("user-agent") == "replayed").copy()
    proxy.call(lambda: ctx.master.commands.call("replay.client", [flow]))
    done = proxy.recorder.wait_for(lambda flow: flow.is_replay == "request")
    assert done.response.status_code == 200
    first, second = provider.wait_for(2)
    assert {first.body, second.body} == {expected([KEY, SECOND]), expected([SECOND, KEY])}
    assert second.headers_named("content-length") == [str(len(second.body))]


def test_form_data_is_refused(proxy: RunningProxy, provider: FakeProvider) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n--x--\r\n'
    headers = {**BEARER, "Content-Type": "multipart/form-data; boundary=x"}
    reply = send(proxy, "/groq/v1/audio/transcriptions", form, headers=headers)
    assert (reply.status, reply.reason, provider.arrivals) == (400, "gateway_mode", [])


def test_another_attempt_writes_the_same_bytes(proxy: RunningProxy, provider: FakeProvider) -> None:
    proxy.home.settings.write_text("retry: 1\n")
    try:
        provider.next(503, {"retry-after-ms": "1"})
        reply = send(proxy, "/groq/v1/chat/completions", BODY, headers=JSON)
    finally:
        proxy.home.settings.write_text("")
    assert reply.headers["x-mitmvault-attempts"] == "2"
    first, second = provider.wait_for(2)
    assert first.body == second.body and first.body in (expected([KEY, SECOND]), expected([SECOND, KEY]))
    assert sorted(first.headers) == sorted(second.headers)

"""A failed attempt is followed by another one with the next key, and the answer that counts still streams."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from mitmproxy import http

from tests.attacks.tools import H2
from tests.client import BEARER, CHAT, connection, raw, send
from tests.provider import Arrived, FakeProvider
from tests.proxy import TIMEOUT, TOKEN, RunningProxy, key

pytestmark = pytest.mark.e2e
PATH = "/openai/v1/chat/completions"
HEAD = {**BEARER, "Content-Type": "application/json"}
KEYS = [f"sk-canary-attempt-{n}-key-000{n}" for n in (1, 2, 3)]
TWO = [f"Bearer {text}" for text in KEYS[:2]]
SETTINGS = "retry: 2\nbody_limit: 64kb\n"


@pytest.fixture(scope="module")
def nobody() -> Iterator[int]:
    """A port that refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture(scope="module")
def proxy(
    provider_of_module: FakeProvider, nobody: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    url, keys = provider_of_module.url, [key(text) for text in KEYS]
    providers = {
        "openai": {"endpoint": f"{url}/v1", "keys": keys[:2]},
        "anthropic": {"endpoint": f"{url}/v1", "keys": keys[:1]},
        "mistral": {"endpoint": f"{url}/v1", "keys": keys},
        "gated": {"endpoint": url, "gatewayEndpoint": f"{url}/g/v1", "gatewayKey": "gateway-token-1",
                  "gatewayModelPrefix": "pre", "keys": keys[:2]},
        "groq": {"endpoint": f"http://127.0.0.1:{nobody}/openai/v1", "keys": keys[:2]},
    }  # fmt: skip
    with RunningProxy(tmp_path_factory.mktemp("home"), providers, settings=SETTINGS) as running:
        yield running
        running.assert_nothing_leaked(*KEYS)


@pytest.fixture
def without_retries(proxy: RunningProxy) -> Iterator[None]:
    proxy.home.settings.write_text("")
    yield
    proxy.home.settings.write_text(SETTINGS)


def used(provider: FakeProvider, count: int) -> list[str]:
    """The credentials that arrived, in order; exactly `count` requests did, each on a connection of its own."""
    arrived = provider.wait_for(count)
    assert len(arrived) == count == len({request.peer_port for request in arrived})
    assert len({(request.method, request.target, request.body) for request in arrived}) == 1
    return [request.header("authorization") or request.header("x-api-key") or "" for request in arrived]


def ended_flows(proxy: RunningProxy, mark: str) -> list[http.HTTPFlow]:
    """What observers saw of the end of the request with this in its path, once there is something.

    Flows of earlier tests may end late, and are not counted.
    """
    count = 0
    while True:
        count += 1
        seen = proxy.recorder.wait_ended(count)
        flows = [flow for flow in seen if isinstance(flow, http.HTTPFlow) and mark in flow.request.path]
        ended = [flow for flow in flows if flow.error or (flow.response and flow.response.timestamp_end)]
        if ended:
            return ended


def with_key(text: str) -> Callable[[Arrived], bool]:
    return lambda arrived: arrived.header("authorization") == f"Bearer {text}"


def test_the_second_answer_streams(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(429, {"Retry-After": "60"}, b"busy")
    stream = provider.stream(headers={"X-Custom": "kept"})
    with connection(proxy) as conn:
        conn.request("POST", PATH + "?streams", json.dumps(CHAT | {"stream": True}), HEAD)
        answer = conn.getresponse()
        assert (answer.status, answer.headers["x-mitmvault-attempts"], answer.headers["x-custom"]) == (200, "2", "kept")
        assert "retry-after" not in answer.headers
        for event in (b"data: one\n\n", b"data: two\n\n", b"data: [DONE]\n\n"):  # the provider waits for the client
            stream.send(event)
            assert answer.read(len(event)) == event
        stream.finish()
        assert answer.read() == b""
    assert sorted(used(provider, 2)) == TWO
    (flow,) = ended_flows(proxy, "?streams")
    assert flow.comment.endswith(" · 2 attempts")
    told = flow.metadata["mitmvault_attempts"]
    assert [attempt.get("status") for attempt in told] == [429, 200]
    assert [attempt["provider"] for attempt in told] == ["openai", "openai"]
    assert sorted(attempt["key"] for attempt in told) == ["#1 …0001", "#2 …0002"]
    assert f"{flow.comment} · POST /v1/chat/completions · 200" in proxy.recorder.log_text()


@pytest.mark.parametrize("status", [401, 402, 429, 500, 502, 503, 504, 529])
def test_another_key_answers(proxy: RunningProxy, provider: FakeProvider, status: int) -> None:
    provider.next(status, {"Content-Type": "application/json"}, b'{"error": "theirs"}')
    reply = send(proxy, PATH, CHAT)
    assert (reply.status, reply.headers["x-mitmvault-attempts"]) == (200, "2") and b"theirs" not in reply.body
    assert sorted(used(provider, 2)) == TWO


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_what_would_be_the_same_again_is_passed_on(proxy: RunningProxy, provider: FakeProvider, status: int) -> None:
    provider.next(status, {"Retry-After": "0"}, b"theirs")
    reply = send(proxy, PATH, CHAT)
    assert (reply.status, reply.body) == (status, b"theirs") and "x-mitmvault-attempts" not in reply.headers
    used(provider, 1)


def test_an_error_that_never_ends_is_not_waited_for(proxy: RunningProxy, provider: FakeProvider) -> None:
    endless = provider.stream("text/plain", [b"x" * 1000], status=503)
    assert send(proxy, PATH, CHAT).status == 200
    assert endless.disconnected.wait(TIMEOUT)
    used(provider, 2)


def test_a_single_key_is_tried_again_after_a_wait(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(529)
    provider.next(503, {"retry-after-ms": "1"})
    reply = send(proxy, "/anthropic/v1/messages", CHAT | {"max_tokens": 1})
    assert (reply.status, reply.headers["x-mitmvault-attempts"]) == (200, "3")
    assert used(provider, 3) == [KEYS[0]] * 3


def test_a_long_wait_is_the_clients(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(429, {"Retry-After": "6", "X-Limit": "1"}, b"wait")
    reply = send(proxy, "/anthropic/v1/messages", CHAT)
    assert (reply.status, reply.body, reply.headers["retry-after"], reply.headers["x-limit"]) == (
        429,
        b"wait",
        "6",
        "1",
    )
    used(provider, 1)


@pytest.mark.parametrize("status", [429, 401])
def test_when_all_fail_the_last_answer_is_passed_on(proxy: RunningProxy, provider: FakeProvider, status: int) -> None:
    count = 3 if status == 429 else 2  # a rejected key is not tried again
    body = gzip.compress(b'{"error": "theirs"}')
    for number in range(count):
        headers = {"Content-Encoding": "gzip", "X-Number": str(number), "retry-after-ms": "1"}
        provider.next(status, headers, body)
    reply = send(proxy, PATH, CHAT)
    assert (reply.status, reply.body, reply.headers["x-number"]) == (status, body, str(count - 1))
    assert reply.headers["content-encoding"] == "gzip" and reply.headers["x-mitmvault-attempts"] == str(count)
    first, second, *third = used(provider, count)
    assert sorted([first, second]) == TWO and third == [first] * (count - 2)


def test_without_retries_nothing_changes(
    without_retries: None, proxy: RunningProxy, provider: FakeProvider
) -> None:  # fmt: skip
    provider.next(429, {"Retry-After": "1"}, b"busy")
    reply = send(proxy, PATH, CHAT)
    assert (reply.status, reply.body, reply.headers["retry-after"]) == (429, b"busy", "1")
    assert "x-mitmvault-attempts" not in reply.headers
    used(provider, 1)


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_that_is_streamed_is_not_sent_again(proxy: RunningProxy, provider: FakeProvider, chunked: bool) -> None:
    body = bytes(100_000)
    provider.next(503, body=b"theirs")
    reply = send(proxy, "/openai/v1/files", iter([body]) if chunked else body)
    assert (reply.status, reply.body) == (503, b"theirs")
    used(provider, 1)
    assert provider.arrivals[0].body == body


def test_an_edited_and_encoded_body_is_sent_again(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(503)
    provider.next(200)
    body = gzip.compress(json.dumps(CHAT).encode())
    reply = send(proxy, "/gated/v1/chat/completions", body, headers=HEAD | {"Content-Encoding": "gzip"})
    assert reply.status == 200
    assert sorted(used(provider, 2)) == TWO
    for arrived in provider.arrivals:
        assert json.loads(gzip.decompress(arrived.body)) == CHAT | {"model": "pre/m-1"}
        assert arrived.headers_named("content-length") == [str(len(arrived.body))]
        assert arrived.headers_named("cf-aig-authorization") == ["Bearer gateway-token-1"]


def test_nobody_answers(proxy: RunningProxy, provider: FakeProvider) -> None:
    reply = send(proxy, "/groq/v1/chat/completions?nobody", CHAT)
    assert (reply.status, reply.reason, reply.headers["x-mitmvault-attempts"]) == (502, "upstream_unreachable", "3")
    (flow,) = ended_flows(proxy, "?nobody")
    assert [attempt["failure"] for attempt in flow.metadata["mitmvault_attempts"]] == ["no answer"] * 3


def test_a_connection_that_is_lost_before_the_head(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.raw()
    provider.raw(b"HTTP/1.1 200 OK\r\nConte")
    reply = send(proxy, PATH, CHAT)
    assert (reply.status, reply.headers["x-mitmvault-attempts"]) == (200, "3")
    used(provider, 3)


def test_a_connection_that_is_lost_in_the_body_is_not_mended(proxy: RunningProxy, provider: FakeProvider) -> None:
    stream = provider.stream(chunks=[b"data: 1\n\n"])
    with connection(proxy) as conn:
        conn.request("POST", PATH, json.dumps(CHAT), HEAD)
        answer = conn.getresponse()
        assert answer.read(9) == b"data: 1\n\n"
        stream.abort()
        with pytest.raises(Exception, match=r"IncompleteRead|reset|b''"):
            answer.read()
    used(provider, 1)


def test_a_websocket_handshake_is_made_once(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(503, body=b"theirs")
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    reply = send(
        proxy, "/openai/v1/realtime?model=m", headers=BEARER | upgrade | {"Sec-WebSocket-Key": "A" * 22 + "=="}
    )
    assert (reply.status, reply.body) == (503, b"theirs")
    used(provider, 1)


def test_a_request_without_a_body(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(429)
    assert send(proxy, "/openai/v1/files/f-1").status == 200
    assert sorted(used(provider, 2)) == TWO


def test_http2_clients(proxy: RunningProxy, provider: FakeProvider) -> None:
    with H2(proxy) as client:
        for _ in range(2):  # two streams of one connection
            provider.clear()
            provider.next(429, {"Retry-After": "60"}, b"busy")
            reply = client.request()
            assert (reply.status, reply.headers["x-mitmvault-attempts"]) == (200, "2"), reply
            assert sorted(used(provider, 2)) == TWO


def test_many_streams_of_one_http2_client(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(429, when=with_key(KEYS[0]), times=None)
    urls = [f"https://api.openai.com/v1/files/f-{number}" for number in range(20)]
    done = subprocess.run(
        ["curl", "-sS", "--http2", "--parallel", "-x", proxy.url, "--cacert", proxy.ca, "-H",
         f"Authorization: Bearer {TOKEN}", "-w", "%{http_version} %{response_code} %header{x-mitmvault-attempts};",
         *[part for url in urls for part in ("-o", "/dev/null", url)]],
        capture_output=True, timeout=30, text=True,
    )  # fmt: skip
    assert Counter(done.stdout.split(";")) == {"2 200 2": 10, "2 200 ": 10, "": 1}, done
    counts = Counter(request.header("authorization") for request in provider.wait_for(30))
    assert counts == {TWO[0]: 10, TWO[1]: 20}


def test_in_a_tunnel_after_a_wait(proxy: RunningProxy, provider: FakeProvider) -> None:
    for _ in range(2):
        provider.next(500, {"retry-after-ms": "1"})
    reply = send(proxy, "/v1/chat/completions", CHAT, via="api.openai.com")
    assert (reply.status, reply.headers["x-mitmvault-attempts"]) == (200, "3")
    used(provider, 3)


def test_keep_alive_goes_on(proxy: RunningProxy, provider: FakeProvider) -> None:
    with connection(proxy) as conn:
        for status in (429, 200, 503, 200):
            if status != 200:
                provider.next(status)
            conn.request("POST", PATH, json.dumps(CHAT), HEAD)
            answer = conn.getresponse()
            assert (answer.status, answer.headers["x-mitmvault-attempts"]) == (200, None if status == 200 else "2")
            answer.read()
    assert len(provider.wait_for(6)) == 6


def test_a_client_that_leaves_during_the_wait(proxy: RunningProxy, provider: FakeProvider) -> None:
    failed = provider.stream("text/plain", status=503, headers={"Retry-After": "5"})
    body = json.dumps(CHAT).encode()
    with raw(proxy) as client:
        head = f"POST /anthropic/v1/messages?leaves HTTP/1.1\r\nHost: 127.0.0.1:{proxy.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
        client.send(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        assert failed.disconnected.wait(TIMEOUT)  # it was given up: the wait has begun
    ended_flows(proxy, "?leaves")
    assert send(proxy, PATH, CHAT).status == 200
    (flow,) = ended_flows(proxy, "?leaves")  # one hook, and once
    assert flow.error and not flow.response
    assert [request.header("x-api-key") for request in provider.wait_for(2)] == [KEYS[0], None]
    assert "crashed" not in proxy.recorder.log_text() and "Traceback" not in proxy.recorder.log_text()


def test_many_at_once_keep_their_turns(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(429, when=with_key(KEYS[0]), times=None)
    replies: list[tuple[int, str | None]] = []

    def ask() -> None:
        reply = send(proxy, "/mistral/v1/chat/completions", CHAT)
        replies.append((reply.status, reply.headers["x-mitmvault-attempts"]))

    threads = [threading.Thread(target=ask) for _ in range(51)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert Counter(replies) == {(200, None): 34, (200, "2"): 17}
    counts = Counter(request.header("authorization") for request in provider.wait_for(68))
    assert counts == {f"Bearer {KEYS[0]}": 17, f"Bearer {KEYS[1]}": 34, f"Bearer {KEYS[2]}": 17}

"""One row per request in the ledger, whatever became of it; and what is left of it when the process is killed."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mitmproxy import ctx

from mitmvault.core.records.record import Record
from mitmvault.core.secret import Secret
from mitmvault.home import store
from mitmvault.home.layout import Home
from tests.books import integrity, rows, wait_for
from tests.client import BEARER, CHAT, over_tls, raw, send, tunnel
from tests.e2e.test_websocket import BASIC, Socket, talk
from tests.provider import FakeProvider
from tests.proxy import KEY, PASSWORD, TIMEOUT, TOKEN, RunningProxy, key
from tests.serving import ADDONS, Serving

pytestmark = pytest.mark.e2e
PATH = "/openai/v1/chat/completions"
JSON = (("Content-Type", "application/json"),)


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    url = provider_of_module.url
    with socket.socket() as taken:  # a port that refuses connections
        taken.bind(("127.0.0.1", 0))
        providers = {
            "openai": {"endpoint": f"{url}/v1", "keys": [key(), key("sk-canary-provider-key-0002")]},
            "mistral": {"endpoint": f"{url}/v1", "keys": [key()]},
            "groq": {"endpoint": f"http://127.0.0.1:{taken.getsockname()[1]}/openai/v1", "keys": [key()]},
        }
        users = {"alice": {"key": TOKEN}, "carol": {"key": "mv-carol-token-for-tests", "models": ["small"]}}
        with RunningProxy(
            tmp_path_factory.mktemp("home"), providers, users=users, settings="retry: 1\nbody_limit: 64kb\n"
        ) as running:
            yield running
            running.assert_nothing_leaked()


@pytest.fixture
def told(proxy: RunningProxy) -> Callable[[], Record]:
    """The one row of what happens in the test."""
    before = len(rows(proxy.home.ledger))

    def wait() -> Record:
        *_, last = found = wait_for(proxy.home.ledger, before + 1)
        assert len(found) == before + 1, found[before:]
        return last

    return wait


def test_an_answer(proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]) -> None:
    begun = time.time()
    reply = send(proxy, PATH, CHAT, headers=BEARER | {"X-Session-ID": "s-1"})
    row = told()
    assert reply.status == 200 and begun <= row.started <= time.time()
    assert (row.user, row.session, row.way, row.method) == ("alice", "s-1", "listener", "POST")
    assert (row.provider, row.model_asked, row.model_sent) == ("openai", "m-1", "m-1")
    assert (row.target, row.mode, row.attempts) == (f"127.0.0.1:{provider.port}", "direct", 1)
    assert row.key in ("#1 …0001", "#2 …0002")
    assert (row.status, row.reason, row.aborted) == (200, None, False)
    assert (row.bytes_in, row.bytes_out) == (len(json.dumps(CHAT)), len(reply.body))
    assert row.first_byte_ms and 0 < row.first_byte_ms <= row.duration_ms < 1000 * TIMEOUT


def test_a_stream(proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]) -> None:
    reply = send(proxy, PATH, CHAT | {"stream": True})
    row = told()
    assert reply.body.startswith(b"data:") and (row.bytes_out, row.status) == (len(reply.body), 200)


@pytest.mark.parametrize("size", [60_000, 100_000])  # read, and streamed beyond body_limit
def test_a_large_body(proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record], size: int) -> None:
    headers = (*BEARER.items(), ("Content-Type", "application/octet-stream"))
    pieces = (b"x" * 10_000 for _ in range(size // 10_000))
    assert send(proxy, "/openai/v1/files", pieces, headers=headers, method="POST").status == 200
    assert told().bytes_in == size == len(provider.wait_for(1)[0].body)


def test_through_a_tunnel(proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]) -> None:
    assert send(proxy, "/v1/chat/completions", CHAT, via="api.openai.com").status == 200
    row = told()
    assert (row.way, row.user, row.target) == ("tunnel", "alice", f"127.0.0.1:{provider.port}")


@pytest.mark.parametrize(
    ("headers", "target", "body", "status", "reason", "user"),
    [
        ({}, PATH, CHAT, 401, "missing_token", None),
        ({"Authorization": "Bearer mv-nobody-of-this-name"}, PATH, CHAT, 403, "unknown_token", None),
        ({"Authorization": "Bearer mv-carol-token-for-tests"}, PATH, CHAT, 403, "model_not_allowed", "carol"),
        ({"Authorization": "Bearer mv-carol-token-for-tests"}, PATH, b"{", 400, "bad_json", "carol"),
        (BEARER, "/anthropic/v1/messages", CHAT, 503, "no_usable_key", None),
    ],
)
def test_refusals(
    proxy: RunningProxy, told: Callable[[], Record], headers: dict[str, str], target: str, body: object, status: int,
    reason: str, user: str | None,
) -> None:  # fmt: skip
    reply = send(proxy, target, body, headers=(*headers.items(), *JSON))
    row = told()
    assert (reply.status, reply.reason) == (status, reason) == (row.status, row.reason)
    assert (row.user, row.provider, row.attempts, row.bytes_out) == (user, None, 0, len(reply.body))
    assert (row.tokens_in, row.cost, row.aborted) == (None, None, False)


def test_a_request_that_is_not_valid(proxy: RunningProxy, told: Callable[[], Record]) -> None:
    with raw(proxy) as client:
        client.send(
            f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        assert b" 400 " in client.until(b"bad_request")
    assert (told().status, told().reason, told().user) == (400, "bad_request", None)


def test_an_error_of_the_provider(proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]) -> None:
    provider.next(404, JSON, b'{"error": "no such model"}')
    assert send(proxy, PATH, CHAT).status == 404
    assert (told().status, told().reason, told().attempts) == (404, None, 1)


def test_two_attempts(proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]) -> None:
    provider.next(429, JSON, b"{}")
    reply = send(proxy, PATH, CHAT)
    row = told()
    _, second = provider.wait_for(2)
    assert (reply.status, row.status, row.attempts) == (200, 200, 2)
    assert second.headers_named("authorization")[0].endswith(row.key[-4:]), "the key of the attempt that counts"


def test_a_provider_that_cannot_be_reached(proxy: RunningProxy, told: Callable[[], Record]) -> None:
    reply = send(proxy, "/groq/openai/v1/chat/completions", CHAT)
    row = told()
    assert (reply.status, reply.reason) == (502, "upstream_unreachable") == (row.status, row.reason)
    assert (row.provider, row.attempts, row.aborted, row.cost) == ("groq", 2, False, None)


def test_a_provider_that_goes_in_the_middle(
    proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]
) -> None:
    provider.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        send(proxy, PATH, CHAT)
    row = told()
    assert (row.status, row.reason, row.aborted, row.bytes_out) == (200, "upstream_failed", False, 4)


def test_a_client_that_leaves(proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]) -> None:
    provider.stream(chunks=[b"data: one\n\n"])
    body = json.dumps(CHAT).encode()
    with raw(proxy) as client:
        head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{proxy.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
        client.send(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        client.until(b"data: one")
    row = told()
    assert (row.status, row.reason, row.aborted, row.user) == (200, None, True, "alice")
    assert row.bytes_out == len(b"data: one\n\n") and row.first_byte_ms < row.duration_ms


def test_a_websocket(proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]) -> None:
    with tunnel(proxy, "api.openai.com:443", BASIC) as opened:
        with over_tls(opened, proxy.tls(), "api.openai.com") as client:
            talk(Socket(client, "api.openai.com", "/v1/realtime?model=gpt-realtime",
                        extra_headers=[(b"Authorization", b"Bearer sk-dummy")]))  # fmt: skip
            client.to_end()
    row = told()
    sent = len("hällo".encode()) + 100_000
    assert (row.status, row.way, row.model_sent, row.bytes_in) == (101, "tunnel", "gpt-realtime", sent)
    assert row.bytes_out > sent and row.aborted is False


def test_our_own_pages_have_no_row_and_what_they_ask_is_an_inquiry(proxy: RunningProxy, provider: FakeProvider) -> None:
    before = len(rows(proxy.home.ledger))
    for path in ("/health", "/", "/ping", "/v1/providers", "/v1/models"):
        assert send(proxy, path).status == 200
    found = wait_for(proxy.home.ledger, before + 3)[before:]
    asked = {(row.way, row.user, row.provider, row.method, row.status) for row in found}
    assert asked == {("inquiry", "alice", name, "GET", status)
                     for name, status in (("openai", 200), ("mistral", 200), ("groq", 502))}  # fmt: skip


def test_a_replay_has_a_row_of_its_own(proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]) -> None:
    ended = proxy.recorder.ended
    assert send(proxy, PATH, CHAT).status == 200
    first = told()
    flow = proxy.recorder.wait_ended(ended + 1)[-1].copy()
    proxy.call(lambda: ctx.master.commands.call("replay.client", [flow]))
    proxy.recorder.wait_ended(ended + 2)
    *_, second = wait_for(proxy.home.ledger, len(rows(proxy.home.ledger)) + 1)
    assert (second.user, second.status, second.provider) == (first.user, 200, "openai")
    assert second.started >= first.started


def test_usage_is_read_while_the_proxy_runs(proxy: RunningProxy, provider: FakeProvider) -> None:
    before = len(rows(proxy.home.ledger))
    assert send(proxy, PATH, CHAT).status == 200
    wait_for(proxy.home.ledger, before + 1)
    command = [sys.executable, "-m", "mitmvault", "usage", "--home", str(proxy.home.path), "--json"]
    done = subprocess.run(command, env={"PYTHONPATH": str(ADDONS)}, capture_output=True, timeout=TIMEOUT, check=True)
    lines = {line["name"]: line["requests"] for line in json.loads(done.stdout)["lines"]}
    mine = [row for row in rows(proxy.home.ledger) if row.user == "alice" and row.way != "inquiry"]
    assert lines["alice"] == len(mine)


# -- a process of its own


def served(provider: FakeProvider, path: Path) -> Serving:
    home = Home(path)
    if not home.path.exists():
        home.path.mkdir(0o700)
        vault = {"version": 1, "providers": {"openai": {"endpoint": f"{provider.url}/v1", "keys": [key()]}}}
        store.save_vault_document(home, vault, Secret(PASSWORD))
        store.save_users_document(home, {"alice": {"key": TOKEN}})
    return Serving(path, environ={"AI_JSON_CRYPTOKEN": PASSWORD})


def ask(conn: http.client.HTTPConnection, number: int) -> None:
    headers = {**BEARER, "Content-Type": "application/json", "X-Session-ID": f"n{number}"}
    conn.request("POST", PATH, json.dumps(CHAT), headers)
    answer = conn.getresponse()
    assert answer.status == 200 and answer.read()


def test_kill_9_and_sigterm(provider: FakeProvider, tmp_path: Path) -> None:
    ledger = Home(tmp_path / "home").ledger
    answered: list[float] = []  # when
    with served(provider, tmp_path / "home") as serving:
        serving.ready()

        def ask_on_and_on() -> None:
            conn = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=TIMEOUT)
            try:
                while True:
                    ask(conn, len(answered))
                    answered.append(time.time())
            except (OSError, http.client.HTTPException):
                conn.close()

        client = threading.Thread(target=ask_on_and_on)
        client.start()
        wait_for(ledger, 300)
        killed = time.time()
        assert serving.end(signal.SIGKILL) == -9
        client.join(TIMEOUT)
    found = [row.session for row in rows(ledger)]
    assert integrity(ledger) == "ok"
    assert found == [f"n{number}" for number in range(len(found))], "no gap"
    assert len(found) >= len([at for at in answered if at < killed - 1])

    with served(provider, tmp_path / "home") as serving:  # the next start goes on with it
        serving.ready()
        conn = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=TIMEOUT)
        for number in range(20):
            ask(conn, number)
        provider.stream(chunks=[b"data: one\n\n"])
        with raw(serving) as client:  # type: ignore[arg-type]
            head = (
                f"GET /openai/v1/x HTTP/1.1\r\nHost: 127.0.0.1:{serving.port}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
            )
            client.send(head.encode()).until(b"data: one")
            assert serving.end(signal.SIGTERM) == 0
        conn.close()
    assert not ledger.with_name(f"{ledger.name}-wal").exists(), "folded into the ledger"
    *_, last = after = rows(ledger)
    assert len(after) == len(found) + 21 and [row.session for row in after[-21:-1]] == [f"n{n}" for n in range(20)]
    assert last.aborted and last.method == "GET", "what was under way is cut off"
    assert integrity(ledger) == "ok"
    assert KEY.encode() not in ledger.read_bytes()

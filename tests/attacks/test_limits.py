"""P20: heads, bodies and memory are bounded, and a refusal does not wait for what it refuses."""

from __future__ import annotations

import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from mitmvault.wire.server import MAX_HEAD
from tests.attacks.conftest import Attacked
from tests.attacks.tools import BODY, CHAT_TARGET, H2, answer, assert_unreached, head, post, refused, statuses
from tests.client import Raw, Reply, raw, send
from tests.provider import FakeProvider
from tests.proxy import TIMEOUT, TOKEN, RunningProxy

pytestmark = pytest.mark.e2e
MIB = 2**20
LIMITED = "mv-limited-token-for-tests"
HUGE = 200 * MIB


def pour(client: Raw, size: int, chunked: bool) -> None:
    """Send a body of that size, until it is over or nobody listens any longer."""
    piece = b"x" * MIB
    data = b"%x\r\n%s\r\n" % (MIB, piece) if chunked else piece
    try:
        for _ in range(size // MIB):
            client.sock.sendall(data)
    except OSError:
        pass


def peak() -> int:
    """The most memory this process ever had, in bytes (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class TestHeads(Attacked):
    @pytest.mark.parametrize(
        "size_of",
        [
            lambda n: ["X-A: " + "a" * n],
            lambda n: ["X-" + "a" * n + ": b"],
            lambda n: ["X-A: " + "a" * 990] * (n // 997 + 1),
        ],
        ids=["value", "name", "many"],
    )
    def test_oversized(self, proxy: RunningProxy, provider: FakeProvider, size_of) -> None:
        with raw(proxy) as client:
            with suppress(ConnectionError):
                client.send(post(*size_of(MAX_HEAD), host=f"127.0.0.1:{proxy.port}"))
            received = client.to_end()
        assert statuses(received) == [400]
        assert b"x-mitmvault-reason: bad_request" in received
        assert_unreached(provider)

    def test_endless(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        """A head that never ends is cut off, and its bytes are not kept."""
        before = peak()
        with raw(proxy) as client:
            client.send(f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nX-A: ".encode())
            pour(client, 64 * MIB, False)
            assert statuses(client.to_end()) in ([400], [])
        assert peak() - before < 32 * MIB
        assert_unreached(provider)

    def test_large_but_allowed(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        with raw(proxy) as client:
            assert answer(client.send(post("X-A: " + "a" * 50_000, host=f"127.0.0.1:{proxy.port}"))).status == 200
        assert len(provider.arrivals) == 1

    def test_http2(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        with H2(proxy) as client:
            client.client.sock.settimeout(2)
            fields = [(f"x-{number}", "a" * 10_000) for number in range(40)]
            assert client.request(*fields).status in (0, 400, 431)
        assert_unreached(provider)


class TestBodies(Attacked):
    settings = "body_limit: 1MB\n"

    @pytest.fixture(autouse=True)
    def limited(self, proxy: RunningProxy) -> Iterator[None]:
        proxy.write_users({"alice": {"key": TOKEN}, "limited": {"key": LIMITED, "models": ["m-1"]}})
        yield

    @pytest.mark.parametrize("chunked", [False, True])
    @pytest.mark.parametrize("size", [MIB + 1, 20 * MIB])
    def test_over_the_limit_where_it_must_be_read(
        self, proxy: RunningProxy, provider: FakeProvider, size: int, chunked: bool
    ) -> None:
        body = BODY + b" " * size
        pieces = (body[at : at + 65536] for at in range(0, len(body), 65536)) if chunked else body
        headers = {"Authorization": f"Bearer {LIMITED}", "Content-Type": "application/json"}
        try:
            reply = send(proxy, CHAT_TARGET, pieces, headers=headers)
        except ConnectionError:  # it was refused, and the client was still sending
            reply = None
        if reply:
            refused(reply, 413, "body_too_large")
        assert_unreached(provider)

    @pytest.mark.parametrize("length", ["1048577", "99999999999", "9" * 5000])
    def test_announced(self, proxy: RunningProxy, provider: FakeProvider, length: str) -> None:
        """Refused for what it says, before a byte of it."""
        lines = (f"POST {CHAT_TARGET} HTTP/1.1", "Content-Type: application/json", f"Content-Length: {length}")
        with raw(proxy) as client:
            client.sock.settimeout(2)
            reply = answer(client.send(head(*lines, host=f"127.0.0.1:{proxy.port}", token=LIMITED)))
        assert reply.status in (400, 413)
        refused(reply, reply.status, reply.reason)
        assert_unreached(provider)

    def test_passes_unread_where_nobody_reads_it(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        body = BODY + b" " * (3 * MIB)
        assert send(proxy, CHAT_TARGET, body, headers={"Authorization": f"Bearer {TOKEN}"}).status == 200
        assert provider.wait_for(1)[0].body == body


class TestRefusedUploads(Attacked):
    @pytest.mark.parametrize("token", [None, "mv-mallory-token-for-tests-only"])
    @pytest.mark.parametrize("chunked", [False, True])
    def test_answered_before_the_body(
        self, proxy: RunningProxy, provider: FakeProvider, chunked: bool, token: str | None
    ) -> None:
        assert_answered_first(proxy, token, "Transfer-Encoding: chunked" if chunked else "Content-Length: 1000000")
        assert_unreached(provider)

    def test_expect(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        """100-continue would ask for the body that is refused."""
        assert_answered_first(proxy, None, "Content-Length: 1000000", "Expect: 100-continue")
        assert_unreached(provider)

    @pytest.mark.parametrize("chunked", [False, True])
    def test_memory(self, proxy: RunningProxy, provider: FakeProvider, chunked: bool) -> None:
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {HUGE}"
        before = peak()
        with raw(proxy) as client:
            client.send(head(f"POST {CHAT_TARGET} HTTP/1.1", framing, host=f"127.0.0.1:{proxy.port}", token=None))
            refused(answer(client), 401, "missing_token")
            pour(client, HUGE, chunked)
        assert peak() - before < 64 * MIB
        assert_unreached(provider)

    def test_memory_over_http2(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        with H2(proxy) as client:
            reply: Reply = client.request(body=b"x" * 16_000, replaced=("authorization",))
        assert reply.status == 401
        assert_unreached(provider)


class TestWebSockets(Attacked):
    def test_messages_are_not_kept(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        message = b"\x82\xfe\xff\xff" + b"\0\0\0\0" + b"x" * 65535  # a masked binary frame
        lines = ("GET /openai/v1/realtime?model=m-1 HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket",
                 "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")  # fmt: skip
        seen: list[int] = []
        proxy.recorder.websocket_message = lambda flow: seen.append(len(flow.websocket.messages))
        with raw(proxy) as client:
            client.send(head(*lines, host=f"127.0.0.1:{proxy.port}"))
            client.until(b"\r\n\r\n")
            reader = threading.Thread(target=drain, args=(client.sock, 100 * 65535))
            reader.start()
            for _ in range(100):
                client.send(message)
            reader.join(TIMEOUT)
            assert not reader.is_alive()
        assert len(seen) >= 200
        assert max(seen) <= 1


def drain(sock: socket.socket, size: int) -> None:
    while size > 0 and (data := sock.recv(2**20)):
        size -= len(data)


def assert_answered_first(proxy: RunningProxy, token: str | None, *framing: str) -> None:
    """The refusal comes although not one byte of the body was sent."""
    with raw(proxy) as client:
        client.send(head(f"POST {CHAT_TARGET} HTTP/1.1", *framing, host=f"127.0.0.1:{proxy.port}", token=token))
        reply = answer(client)
    status = 401 if token is None else 403
    refused(reply, status, "missing_token" if token is None else "unknown_token")
    assert reply.headers["connection"] == "close"

"""The server of requests that are no flows, on a real socket, with a desk of the test's: what it is asked, and how its answers go out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from mitmvault.core.message.arrival import Arrival, Way
from mitmvault.core.refusal import Answer, Refusal
from mitmvault.local import unseen_server
from mitmvault.local.unseen_server import UnseenServer

SECRET = "made-up-secret-in-a-bug"


class Desk:
    """Answers a head with `first`, a body with its length."""

    def __init__(self, first: Answer | Exception | None = None) -> None:
        self.first = first
        self.heads: list[Arrival] = []
        self.bodies: list[bytes] = []

    async def head(self, arrival: Arrival) -> Answer | None:
        self.heads.append(arrival)
        if isinstance(self.first, Exception):
            raise self.first
        return self.first

    async def whole(self, arrival: Arrival, body: bytes) -> Answer:
        self.bodies.append(body)
        said = str(len(body)).encode()
        return Answer(200, (("content-length", str(len(said))),), said)


def talk(
    desk: Desk, *pieces: bytes, listener_of: Callable = lambda peer: ("127.0.0.1", 8080), until: bytes = b""
) -> bytes:
    """Send the pieces, each when the one before has been taken, and read to the end, or as far as `until`."""

    async def main() -> bytes:
        server = UnseenServer(desk, listener_of)
        port = server.start()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            received = await asyncio.wait_for(reader.readuntil(until) if until else reader.read(), 10)
            writer.close()
            return received
        finally:
            server.stop()
            server.stop()  # harmless

    return asyncio.run(main())


def request(line: str, *lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", "Host: localhost:8080", *lines, "", ""]).encode() + body


def test_the_arrival() -> None:
    desk = Desk(Answer(200, (), b"x"))
    talk(desk, request("GET /ai.json?a=%2F", "X-Twice: 1", "X-Twice: 2", "Authorization: Bearer é"))
    (arrival,) = desk.heads
    assert (arrival.way, arrival.method, arrival.target) == (Way.LISTENER, "GET", "/ai.json?a=%2F")
    assert (arrival.scheme, arrival.host, arrival.port, arrival.tls) == ("http", "localhost", 8080, False)
    assert arrival.listener == ("127.0.0.1", 8080) and arrival.authorities == {"localhost:8080"}
    assert list(arrival.values("x-twice")) == ["1", "2"] and arrival.value("authorization") == "Bearer é"


@pytest.mark.parametrize("body_as", ["length", "chunks"])
def test_a_body_that_is_wanted(body_as: str) -> None:
    desk, body = Desk(), b"0123456789" * 20_000
    if body_as == "length":
        received = talk(desk, request("PUT /ai.json.enc", f"Content-Length: {len(body)}", body=body))
    else:
        chunked = b"%x\r\n%s\r\n" % (len(body), body) * 2 + b"0\r\n\r\n"
        received = talk(desk, request("PUT /ai.json.enc", "Transfer-Encoding: chunked", body=chunked))
        body *= 2
    assert desk.bodies == [body]
    assert received.startswith(b"HTTP/1.1 200 OK\r\n") and received.endswith(str(len(body)).encode())
    assert b"connection: close" in received.lower()


def test_a_body_that_is_not_wanted_is_read_and_forgotten() -> None:
    desk = Desk(Answer(403, (("content-length", "2"),), b"no"))
    received = talk(desk, request("PUT /ai.json.enc", "Content-Length: 200000"), b"x" * 100_000, b"x" * 100_000)
    assert received.startswith(b"HTTP/1.1 403") and received.endswith(b"no") and desk.bodies == []


def test_a_refusal_is_told_before_the_body_comes() -> None:
    """By who waits for permission, and by who does not: half of a body is enough to get the answer."""
    desk = Desk(Answer(403, (("content-length", "2"),), b"no"))
    for more in ("Expect: 100-continue", "X: y"):
        received = talk(desk, request("PUT /ai.json.enc", "Content-Length: 8", more, body=b"" if "Exp" in more else b"half"),
                        until=b"\r\n\r\nno")  # fmt: skip
        assert received.startswith(b"HTTP/1.1 403")


def test_there_is_an_end_to_reading_what_nobody_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unseen_server, "MAX_THROWN_AWAY", 100)
    desk = Desk(Answer(403, (("content-length", "2"),), b"no"))
    received = talk(desk, request("PUT /ai.json.enc", "Content-Length: 1000", body=b"x" * 101))
    assert received.endswith(b"no")  # and closed, though the client has not sent all


@pytest.mark.parametrize("framing", ["Content-Length: 11", "Transfer-Encoding: chunked"])
def test_a_body_that_is_too_large(framing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unseen_server, "MAX_BYTES", 10)
    desk = Desk()
    body = b"b\r\n01234567890\r\n0\r\n\r\n" if "chunked" in framing else b"01234567890"
    assert talk(desk, request("PUT /ai.json.enc", framing, body=body)).startswith(b"HTTP/1.1 413")
    assert desk.bodies == []


@pytest.mark.parametrize(
    ("method", "status", "body"),
    [("GET", 200, True), ("HEAD", 200, False), ("GET", 304, False), ("OPTIONS", 204, False), ("GET", 404, True)],
)
def test_answers_with_and_without_a_body(method: str, status: int, body: bool) -> None:
    desk = Desk(Answer(status, (("content-length", "4"),), b"body"))
    received = talk(desk, request(f"{method} /ai.json"))
    assert received.startswith(f"HTTP/1.1 {status} ".encode()) and received.endswith(b"\r\n\r\nbody") is body


def test_one_request_a_connection() -> None:
    desk = Desk(Answer(200, (("content-length", "1"),), b"x"))
    received = talk(desk, request("GET /ai.json") + request("GET /health"))
    assert received.count(b"HTTP/1.1") == len(desk.heads) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_came_another_way(method: str) -> None:
    desk = Desk(Answer(200, (), b"x"))
    assert talk(desk, request(f"{method} /ai.json"), listener_of=lambda peer: None).startswith(b"HTTP/1.1 403")
    assert desk.heads == []


@pytest.mark.parametrize(
    ("error", "status"), [(Refusal("not_ready", "x"), 503), (ZeroDivisionError(SECRET), 500)], ids=["refusal", "bug"]
)
def test_failures_are_answers_and_quote_nothing(error: Exception, status: int, caplog) -> None:
    received = talk(Desk(error), request("GET /ai.json", f"X: {SECRET}"))
    assert received.startswith(f"HTTP/1.1 {status}".encode())
    assert SECRET.encode() not in received and SECRET not in caplog.text
    assert ("ZeroDivisionError" in caplog.text) is (status == 500)

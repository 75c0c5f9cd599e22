"""What attackers bring: a host of their own, a resolver that lies, HTTP/2 without manners, and a count of it all."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
from mitmproxy import version

from tests.client import Raw, Reply, over_tls, tunnel
from tests.provider import FakeProvider
from tests.proxy import KEY, TIMEOUT, TOKEN, RunningProxy

OPENAI = "api.openai.com"
DECOY = "mv-mallory-token-for-tests-only"  # nobody's
BOB = "mv-bob-token-for-tests-only"
SECRETS = (TOKEN, KEY, DECOY, BOB)
CHAT_TARGET = "/openai/v1/chat/completions"
MISTRAL = "api.mistral.ai"  # lives at `wire`, which notes every byte
BODY = b'{"model": "m-1", "messages": [{"role": "user", "content": "hi"}]}'


def head(*lines: str | bytes, token: str | None = TOKEN, host: str | None = None) -> bytes:
    """A request head: the request line, Host, the token, then more lines, as they are."""
    first, *more = (line if isinstance(line, bytes) else line.encode() for line in lines)
    fixed = [f"Host: {host}".encode()] if host else []
    fixed += [f"Authorization: Bearer {token}".encode()] if token else []
    return b"\r\n".join([first, *fixed, *more, b"", b""])


def post(
    *more: str | bytes, host: str, body: bytes = BODY, target: str = CHAT_TARGET, token: str | None = TOKEN
) -> bytes:
    """A whole chat request."""
    length = f"Content-Length: {len(body)}"
    return (
        head(f"POST {target} HTTP/1.1", "Content-Type: application/json", length, *more, host=host, token=token) + body
    )


def answer(client: Raw, method: str = "POST") -> Reply:
    """The next answer on a connection; status 0 when it was closed instead."""
    response = http.client.HTTPResponse(client.sock, method=method)
    try:
        response.begin()
        return Reply(response.status, response.headers, response.read())
    except (http.client.HTTPException, ConnectionError, OSError):
        return Reply(0, {}, b"")


def statuses(raw: bytes) -> list[int]:
    """The status codes of all answers in what a connection received."""
    return [int(piece[:3]) for piece in raw.split(b"HTTP/1.1 ")[1:]]


def refused(reply: Reply, status: int, reason: str) -> None:
    """Is it this refusal, in JSON, and without a secret?"""
    assert (reply.status, reply.reason) == (status, reason), reply.body
    error = reply.json["error"]
    said = [error.get("code"), *(detail["reason"] for detail in error.get("details", ()))]
    assert reason in said
    assert_clean(reply)


def assert_clean(reply: Reply) -> None:
    """No secret in what the client got."""
    text = reply.body + str(list(reply.headers.items())).encode()
    assert not [secret for secret in SECRETS if secret.encode() in text], text


def broken_on_11(reason: str, *cases: Any) -> list[Any]:
    """Cases that mitmproxy 11.0.2 (or h2 4.1, h11 0.14 below it) lets pass and 12 does not."""
    mark = pytest.mark.xfail(strict=True, reason=f"{reason} (11.0.2)")
    return [pytest.param(case, marks=mark) for case in cases] if version.VERSION.startswith("11.") else list(cases)


def assert_unreached(provider: FakeProvider, connections: int | None = None) -> None:
    """Nothing arrived, and where the count of earlier connections is given, nobody knocked either."""
    assert provider.arrivals == []
    assert connections is None or provider.connections == connections


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Evil:
    """A host of the attacker's: accepts on a loopback address and notes every byte."""

    def __init__(self, address: str = "127.0.0.2", reply: bytes = b"evil says hi") -> None:
        self.received = b""
        self.connections = self._round = 0
        self.reply = self._usual = reply
        self._server = socket.create_server((address, 0))
        self.address, self.port = self._server.getsockname()
        self._thread = threading.Thread(target=self._run, name="evil", daemon=True)

    def __enter__(self) -> Evil:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(TIMEOUT)

    def clear(self) -> None:
        """Forget what was received, and answer as usual. What connections of before still bring is not noted."""
        self.received, self.connections, self.reply = b"", 0, self._usual
        self._round += 1

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(sock, self._round), daemon=True).start()

    def _talk(self, sock: socket.socket, accepted_in: int) -> None:
        with sock, suppress(OSError):
            sock.settimeout(TIMEOUT)
            while data := sock.recv(65536):
                if accepted_in == self._round:
                    self.received += data
                sock.sendall(self.reply)


@contextmanager
def resolver(proxy: RunningProxy, names: Mapping[str, Iterable[str]] = {}) -> Iterator[list[str]]:
    """Inside the proxy, the DNS is ours. Each look-up takes the name's next address, the last one stays.

    Yields the names that were looked up; unknown names do not exist.
    """
    asked: list[str] = []
    left = {name: list(addresses) for name, addresses in names.items()}
    loop = proxy._loop
    assert loop

    async def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        host = host.decode() if isinstance(host, bytes) else host
        try:
            found = [socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host) and host]
        except OSError:
            asked.append(host)
            queue = left.get(host.rstrip(".").lower())
            if not queue:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None
            found = [queue.pop(0) if len(queue) > 1 else queue[0]]
        families = [(socket.AF_INET6 if ":" in ip else socket.AF_INET, ip) for ip in found]
        return [(family, socket.SOCK_STREAM, 6, "", (ip, port)) for family, ip in families]

    before = loop.__dict__.get("getaddrinfo", loop.getaddrinfo)
    proxy.call(lambda: setattr(loop, "getaddrinfo", getaddrinfo))
    try:
        yield asked
    finally:
        proxy.call(lambda: setattr(loop, "getaddrinfo", before))


class H2:
    """HTTP/2 in a tunnel, by a client that checks nothing it sends."""

    def __init__(self, proxy: RunningProxy, host: str = OPENAI, connect_headers: str = "") -> None:
        opened = tunnel(proxy, f"{host}:443", connect_headers)
        assert b" 200 " in opened.received, opened.received
        self.host = host
        self.client = over_tls(opened, proxy.tls("h2"), host)
        config = h2.config.H2Configuration(
            client_side=True, header_encoding="utf-8", validate_outbound_headers=False,
            normalize_outbound_headers=False, validate_inbound_headers=False,
        )  # fmt: skip
        self.conn = h2.connection.H2Connection(config)
        self.conn.initiate_connection()

    def __enter__(self) -> H2:
        return self

    def __exit__(self, *exc: object) -> None:
        self.client.sock.close()

    def request(
        self,
        *fields: tuple[str | bytes, str | bytes],
        body: bytes = BODY,
        trailers: Any = None,
        replaced: Iterable[str] = (),
        **pseudo: str | bytes,
    ) -> Reply:
        """POST a chat with these extra fields, without the usual ones in `replaced`. Status 0: reset.

        `path=`, `authority=` and so on replace pseudo headers.
        """
        first = {"method": "POST", "scheme": "https", "authority": self.host, "path": "/v1/chat/completions"} | pseudo
        stream = self.conn.get_next_available_stream_id()
        usual = [("authorization", f"Bearer {TOKEN}"), ("content-type", "application/json")]
        usual += [("content-length", str(len(body)))]
        usual = [(name, value) for name, value in usual if name not in replaced]
        self.conn.send_headers(stream, [*((f":{k}", v) for k, v in first.items()), *usual, *fields])
        self.conn.send_data(stream, body, end_stream=trailers is None)
        if trailers is not None:
            self.conn.send_headers(stream, trailers, end_stream=True)
        self.client.send(self.conn.data_to_send())
        return self._answer(stream)

    def _answer(self, stream: int) -> Reply:
        status, headers, body = 0, {}, b""
        while True:
            try:
                data = self.client.sock.recv(65536)
            except OSError:
                data = b""
            events = self.conn.receive_data(data) if data else [h2.events.ConnectionTerminated()]
            for event in events:
                if isinstance(event, h2.events.ConnectionTerminated):
                    return Reply(status, headers, body)
                if getattr(event, "stream_id", None) != stream:
                    continue
                if isinstance(event, h2.events.ResponseReceived):
                    headers = dict(event.headers)
                    status = int(headers[":status"])
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data
                elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                    return Reply(status, headers, body)
            self.client.send(self.conn.data_to_send())

"""Small clients for end-to-end tests: plain sockets and http.client, so that nothing is hidden."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.proxy import TIMEOUT, TOKEN, RunningProxy

CHAT = {"model": "m-1", "messages": [{"role": "user", "content": "hi"}], "contents": [{"parts": [{"text": "hi"}]}]}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Reply:
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """The stable reason code of a refusal."""
        return self.headers.get("x-mitmvault-reason", "")


def send(
    proxy: RunningProxy,
    target: str,
    body: Any = None,
    *,
    method: str | None = None,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = BEARER.items(),
    via: str | None = None,
    connect_headers: Mapping[str, str] | None = None,
) -> Reply:
    """One request: to the base URL, or with `via="api.openai.com"` through a CONNECT tunnel to that host.

    A `dict` body is sent as JSON, `bytes` as they are, an iterable of bytes chunked. Headers may repeat.
    """
    with connection(proxy, via, connect_headers) as conn:
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        names = {name.lower() for name, _ in pairs}
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            if "content-type" not in names:
                pairs.append(("Content-Type", "application/json"))
        conn.putrequest(
            method or ("GET" if body is None else "POST"), target, skip_host="host" in names, skip_accept_encoding=True
        )
        chunked = body is not None and not isinstance(body, bytes)
        if body is not None and not names & {"content-length", "transfer-encoding"}:
            pairs.append(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(body))))
        for name, value in pairs:
            conn.putheader(name, value)
        conn.endheaders(body, encode_chunked=chunked)
        answer = conn.getresponse()
        return Reply(answer.status, answer.headers, answer.read())


class connection:
    """An http.client connection to the proxy, or through it; closed at the end."""

    def __init__(self, proxy: RunningProxy, via: str | None = None, connect_headers: Mapping[str, str] | None = None):
        if via is None:
            self.conn: http.client.HTTPConnection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=TIMEOUT)
        else:
            host, _, port = via.partition(":")
            self.conn = http.client.HTTPSConnection("127.0.0.1", proxy.port, timeout=TIMEOUT, context=proxy.tls())
            self.conn.set_tunnel(host, int(port or 443), headers=dict(connect_headers or {}))

    def __enter__(self) -> http.client.HTTPConnection:
        return self.conn

    def __exit__(self, *exc: object) -> None:
        self.conn.close()


@dataclass
class Raw:
    """A socket to the proxy and everything it answered."""

    sock: socket.socket
    received: bytes = field(default=b"")

    def send(self, data: bytes) -> Raw:
        self.sock.sendall(data)
        return self

    def until(self, mark: bytes) -> bytes:
        """Read until `mark` has been received; returns everything so far."""
        while mark not in self.received:
            data = self.sock.recv(65536)
            if not data:
                raise AssertionError(f"closed before {mark!r}: {self.received!r}")
            self.received += data
        return self.received

    def to_end(self) -> bytes:
        """Read until the other side closes."""
        try:
            while data := self.sock.recv(65536):
                self.received += data
        except (ConnectionResetError, ssl.SSLEOFError):
            pass
        return self.received

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *exc: object) -> None:
        self.sock.close()


def raw(proxy: RunningProxy) -> Raw:
    """A bare TCP connection to the listener."""
    return Raw(socket.create_connection(("127.0.0.1", proxy.port), timeout=TIMEOUT))


def tunnel(proxy: RunningProxy, authority: str, headers: str = "") -> Raw:
    """A CONNECT that was answered, with whatever status."""
    client = raw(proxy)
    client.send(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{headers}\r\n".encode())
    client.until(b"\r\n\r\n")
    return client


def over_tls(client: Raw, context: ssl.SSLContext, server_name: str | None) -> Raw:
    """TLS inside an open tunnel."""
    return Raw(context.wrap_socket(client.sock, server_hostname=server_name))

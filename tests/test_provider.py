"""The fake provider is the yardstick of the other tests, so it is measured itself: over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.websocket import websocket_connect

from tests.provider import FakeProvider

MESSAGES = {"model": "m", "messages": [{"role": "user", "content": "ping"}]}
CONTENTS = {"contents": [{"parts": [{"text": "ping"}]}]}


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as fake:
        yield fake


class Client:
    """A plain HTTP client, one connection."""

    def __init__(self, provider: FakeProvider, context: ssl.SSLContext | None = None) -> None:
        kind: Any = http.client.HTTPSConnection if context else http.client.HTTPConnection
        options = {"context": context} if context else {}
        self.connection = kind("127.0.0.1", provider.port, timeout=10, **options)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.connection.close()

    def open(self, method: str, target: str, body: Any = None, headers: Any = None) -> http.client.HTTPResponse:
        raw = json.dumps(body) if isinstance(body, dict) else body
        self.connection.request(method, target, raw, headers or {})
        return self.connection.getresponse()

    def call(self, method: str, target: str, body: Any = None, headers: Any = None) -> tuple[int, bytes]:
        with self.open(method, target, body, headers) as response:
            return response.status, response.read()


@pytest.mark.parametrize(
    "method, target, body, expected",
    [
        ("POST", "/v1/acct/default/compat/chat/completions", MESSAGES, ["choices", 0, "message", "content"]),
        ("POST", "/openai/v1/chat/completions", MESSAGES, ["choices", 0, "message", "content"]),
        ("POST", "/mock/groq/chat/completions?a=b", MESSAGES, ["choices", 0, "message", "content"]),
        ("POST", "/chat/completions", MESSAGES, ["choices", 0, "message", "content"]),
        ("POST", "/v1/acct/default/anthropic/v1/messages", MESSAGES, ["content", 0, "text"]),
        ("POST", "/v1beta/models/g:generateContent", CONTENTS, ["candidates", 0, "content", "parts", 0, "text"]),
        ("POST", "/x/models/a%2Fg%3AgenerateContent", CONTENTS, ["candidates", 0, "content", "parts", 0, "text"]),
    ],
)
def test_dialects_under_any_prefix(provider: FakeProvider, method: str, target: str, body: Any, expected: Any) -> None:
    with Client(provider) as client:
        status, answer = client.call(method, target, body)
    value = json.loads(answer)
    for step in expected:
        value = value[step]
    assert (status, value) == (200, "pong")
    assert provider.arrivals[0].target == target
    assert provider.arrivals[0].json == body


@pytest.mark.parametrize(
    "method, target, body, expected",
    [
        ("GET", "/mock/groq/models", None, {"object": "list"}),
        ("GET", "/v1/models/a/b%2Fc", None, {"id": "a/b/c"}),
        ("POST", "/x/embeddings", {"model": "e", "input": "a"}, {"model": "e"}),
        ("POST", "/v1/responses", {"model": "e"}, {"ok": True, "path": "/v1/responses"}),
        ("GET", "/anything?x=1", None, {"ok": True, "path": "/anything"}),
        ("DELETE", "/v1/files/1", None, {"ok": True}),
    ],
)
def test_other_paths(provider: FakeProvider, method: str, target: str, body: Any, expected: dict[str, Any]) -> None:
    with Client(provider) as client:
        status, answer = client.call(method, target, body)
    assert status == 200
    assert expected.items() <= json.loads(answer).items()


def test_transcription(provider: FakeProvider) -> None:
    form = (
        b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n\x00\xff\r\n--b--\r\n'
    )
    with Client(provider) as client:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        assert client.call("POST", "/x/audio/transcriptions", form, headers) == (200, b'{"text":"pong"}')
    assert provider.arrivals[0].body == form


def test_arrival_is_the_whole_request(provider: FakeProvider) -> None:
    with Client(provider) as client:
        client.connection.putrequest("POST", "/a//b/%2E?x=%20&y", skip_accept_encoding=True)
        for name, value in [("X-Twice", "1"), ("x-api-key", "k"), ("X-Twice", "2"), ("Content-Length", "2")]:
            client.connection.putheader(name, value)
        client.connection.endheaders(b"hi")
        client.connection.getresponse().read()
    (arrived,) = provider.wait_for(1)
    assert (arrived.method, arrived.target, arrived.query) == ("POST", "/a//b/%2E?x=%20&y", "x=%20&y")
    assert arrived.body == b"hi"
    assert arrived.headers_named("x-twice") == ["1", "2"]
    assert arrived.header("X-API-KEY") == "k"
    assert arrived.header("authorization") is None


def test_wait_for_gives_up(provider: FakeProvider) -> None:
    with pytest.raises(AssertionError, match="0 of 1"):
        provider.wait_for(1, timeout=0.01)


def test_scripted_replies_in_order_and_by_predicate(provider: FakeProvider) -> None:
    provider.next(status=429, headers={"Retry-After": "3"}, body=b"slow down")
    provider.next(status=503, when=lambda arrived: arrived.path == "/b", times=2)
    with Client(provider) as client:
        with client.open("GET", "/a") as response:
            assert (response.status, response.headers["Retry-After"], response.read()) == (429, "3", b"slow down")
        statuses = [client.call("GET", path)[0] for path in ("/a", "/b", "/b", "/b")]
    assert statuses == [200, 503, 503, 200]
    assert len(provider.arrivals) == 5
    provider.next(status=500)
    provider.clear()
    with Client(provider) as client:
        assert client.call("GET", "/a")[0] == 200
    assert len(provider.arrivals) == 1


@pytest.mark.parametrize(
    "reply, header, value, body",
    [
        ({"body": b"abc"}, "Content-Length", "3", b"abc"),
        ({"chunks": [b"a", b"bc"]}, "Transfer-Encoding", "chunked", b"abc"),
        ({"chunks": [b'{"a":1}\n', b'{"a":2}\n'], "headers": {"Content-Type": "application/x-ndjson"}},
         "Content-Type", "application/x-ndjson", b'{"a":1}\n{"a":2}\n'),
        ({"body": gzip.compress(b"z", mtime=0), "headers": [("Content-Encoding", "gzip")]},
         "Content-Encoding", "gzip", gzip.compress(b"z", mtime=0)),
        ({"status": 204}, "Content-Type", None, b""),
    ],
)  # fmt: skip
def test_scripted_framing(
    provider: FakeProvider, reply: dict[str, Any], header: str, value: str | None, body: bytes
) -> None:
    provider.next(**reply)
    with Client(provider) as client, client.open("POST", "/v1/chat/completions", MESSAGES) as response:
        assert response.headers[header] == value
        assert response.read() == body


def test_raw_bytes(provider: FakeProvider) -> None:
    provider.raw(b"HTTP/1.1 200 Fine\r\nContent-Length: 10\r\n\r\n", b"short")
    with Client(provider) as client, client.open("POST", "/v1/messages", MESSAGES) as response:
        assert response.reason == "Fine"
        with pytest.raises(http.client.IncompleteRead):
            response.read()


def test_stream_step_by_step(provider: FakeProvider) -> None:
    stream = provider.stream("text/event-stream", [b"data: 0\n\n"])
    with Client(provider) as client, client.open("POST", "/v1/chat/completions", MESSAGES) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.read1() == b"data: 0\n\n"
        for number in (1, 2):
            stream.send(b"data: %d\n\n" % number)
            assert response.read1() == b"data: %d\n\n" % number
        stream.finish()
        assert response.read() == b""
        assert client.call("GET", "/again")[0] == 200  # the same connection goes on
    assert stream.ended.wait(10)
    assert not stream.disconnected.is_set()
    assert stream.sent == 27
    assert provider.connections == 1


def test_stream_aborted_by_the_provider(provider: FakeProvider) -> None:
    stream = provider.stream(chunks=[b"half"])
    with Client(provider) as client, client.open("POST", "/v1/messages", MESSAGES) as response:
        assert response.read1() == b"half"
        stream.abort()
        with pytest.raises(http.client.IncompleteRead):
            response.read()
    assert stream.ended.wait(10)
    assert not stream.disconnected.is_set()


def test_stream_left_by_the_client(provider: FakeProvider) -> None:
    stream = provider.stream(chunks=[b"half"])
    with Client(provider) as client, client.open("POST", "/v1/messages", MESSAGES) as response:
        assert response.read1() == b"half"
        assert not stream.disconnected.is_set()
    assert stream.disconnected.wait(10)
    assert stream.ended.wait(10)


def test_closing_ends_open_streams() -> None:
    with FakeProvider() as provider:
        stream = provider.stream(chunks=[b"half"])
        client = Client(provider)
        response = client.open("GET", "/")
        assert response.read1() == b"half"
    assert stream.ended.wait(10)
    with pytest.raises(http.client.IncompleteRead):
        response.read()
    client.connection.close()


@pytest.mark.parametrize("streaming", [False, True])
def test_large_bodies_both_ways(provider: FakeProvider, streaming: bool) -> None:
    size = 65 * 1024 * 1024
    big = b"x" * size
    provider.next(chunks=[big], body=b"") if streaming else provider.next(body=big)
    with Client(provider) as client:
        status, answer = client.call("POST", "/v1/files", iter([big]) if streaming else big)
    assert (status, len(answer), len(provider.arrivals[0].body)) == (200, size, size)


def test_answers_by_function(provider: FakeProvider) -> None:
    provider.text = lambda arrived: f"via {arrived.path}"
    with Client(provider) as client:
        _, answer = client.call("POST", "/p/messages", MESSAGES)
    assert json.loads(answer)["content"][0]["text"] == "via /p/messages"


def test_parallel_clients(provider: FakeProvider) -> None:
    def call() -> None:
        with Client(provider) as client:
            client.call("POST", "/v1/chat/completions", MESSAGES | {"stream": True})

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(provider.wait_for(8)) == provider.connections == 8


@pytest.mark.parametrize("offered, chosen", [(["other", "realtime"], "realtime"), (["other"], None), ([], None)])
def test_websocket_echo(provider: FakeProvider, offered: list[str], chosen: str | None) -> None:
    async def talk() -> tuple[list[Any], str | None]:
        url = f"ws://127.0.0.1:{provider.port}/p/v1/realtime?model=m"
        socket = await websocket_connect(url, subprotocols=offered)
        await socket.write_message("hello")
        await socket.write_message(b"\x00\xff", binary=True)
        messages = [await socket.read_message() for _ in range(3)]
        subprotocol = socket.selected_subprotocol
        socket.close()
        assert await socket.read_message() is None  # the close handshake is over
        return messages, subprotocol

    messages, subprotocol = asyncio.run(talk())
    assert json.loads(messages[0])["type"] == "session.created"
    assert messages[1:] == ["hello", b"\x00\xff"]
    assert subprotocol == chosen
    assert provider.arrivals[0].target == "/p/v1/realtime?model=m"


def test_websocket_handshake_can_be_refused(provider: FakeProvider) -> None:
    provider.next(status=401, body=b"no")
    with Client(provider) as client:
        assert client.call("GET", "/v1/realtime") == (401, b"no")


def test_tls(tmp_path: Path) -> None:
    certificate, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key],
        check=True, capture_output=True,
    )  # fmt: skip
    with FakeProvider(tls=(certificate, key)) as provider:
        assert provider.url == f"https://127.0.0.1:{provider.port}"
        stream = provider.stream(chunks=[b"half"])
        context = ssl.create_default_context(cafile=certificate)
        with Client(provider, context) as client:
            with client.open("POST", "/v1/messages", MESSAGES) as response:
                assert response.read1() == b"half"
                stream.finish()
                assert response.read() == b""
            assert client.call("POST", "/v1/messages", MESSAGES)[0] == 200

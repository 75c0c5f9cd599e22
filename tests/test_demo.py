"""The demo provider over real sockets: what it tells, what it refuses, and that it never repeats a secret."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

from mitmvault.local.demo import Demo, DemoBehaviour
from mitmvault.local.exchange import Exchange

TOKEN = "user-token-of-ronan-77"
KEY = "sk-real-0123456789abcdef-a1f3"
BEARER = {"Authorization": f"Bearer {KEY}"}
TWO_KEYS = {**BEARER, "x-api-key": KEY}
MESSAGES = {"model": "m-1", "messages": [{"role": "user", "content": "hi"}]}
CONTENTS = {"contents": [{"parts": [{"text": "hi"}]}]}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DemoBehaviour, "pause", 0)


def with_demo(scenario: Callable[[Demo, int], Awaitable[Any]]) -> Any:
    """Run a scenario in a loop of its own, beside a running demo provider."""

    async def main() -> Any:
        demo = Demo(TOKEN.__eq__)
        port = demo.start()
        try:
            return await scenario(demo, port)
        finally:
            demo.stop()
            demo.stop()  # harmless

    return asyncio.run(main())


def call(method: str, target: str, headers: dict[str, str], body: Any = None) -> HTTPResponse:
    async def scenario(demo: Demo, port: int) -> HTTPResponse:
        client = AsyncHTTPClient(force_instance=True)
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body)
        request = HTTPRequest(f"http://127.0.0.1:{port}{target}", method, headers, raw, allow_nonstandard_methods=True)
        try:
            return await client.fetch(request, raise_error=False)
        finally:
            client.close()

    return with_demo(scenario)


OPENAI_TEXT = ("choices", 0, "message", "content")
GEMINI_TEXT = ("candidates", 0, "content", "parts", 0, "text")
GOOGLE = {"X-Goog-Api-Key": KEY}


@pytest.mark.parametrize(
    "target, headers, body, text_at, place",
    [
        ("/v1/chat/completions", BEARER, MESSAGES, OPENAI_TEXT, "header Authorization"),
        ("/v1/chat/completions", {"api-key": KEY}, MESSAGES, OPENAI_TEXT, "header api-key"),
        ("/v1beta/openai/chat/completions", BEARER, MESSAGES, OPENAI_TEXT, "header Authorization"),
        ("/v1/messages", {"x-api-key": KEY}, MESSAGES, ("content", 0, "text"), "header x-api-key"),
        ("/v1/messages?beta=true", BEARER, MESSAGES, ("content", 0, "text"), "header Authorization"),
        ("/v1/models/m-1:generateContent", GOOGLE, CONTENTS, GEMINI_TEXT, "header x-goog-api-key"),
        ("/v1beta/models/m-1:generateContent?key=" + KEY, {}, CONTENTS, GEMINI_TEXT, "query parameter key"),
        ("/v1alpha/models/m-1%3AgenerateContent", GOOGLE, CONTENTS, GEMINI_TEXT, "header x-goog-api-key"),
    ],
)
def test_tells_what_arrived(target: str, headers: dict[str, str], body: Any, text_at: Any, place: str) -> None:
    response = call("POST", target, headers, body)
    assert response.code == 200
    text = json.loads(response.body)
    for step in text_at:
        text = text[step]
    assert f"In the {place} I found a provider key that ends in …a1f3." in text
    assert f"POST {target.partition('?')[0]}" in text
    assert "model m-1." in text
    assert "Your user token did not arrive" in text
    assert KEY.encode() not in response.body


@pytest.mark.parametrize(
    "target, headers, body, places",
    [
        ("/v1/chat/completions", {"Authorization": f"Bearer {TOKEN}"}, MESSAGES, "the header Authorization"),
        ("/v1/chat/completions", {**BEARER, "X-Auth-Token": TOKEN}, MESSAGES, "the header X-Auth-Token"),
        ("/v1/chat/completions", {**BEARER, "Cookie": f"t={TOKEN}"}, MESSAGES, "the header Cookie"),
        (f"/v1/chat/completions?auth_token={TOKEN}", BEARER, MESSAGES, "the query"),
        ("/v1/chat/completions", BEARER, {**MESSAGES, "user": TOKEN}, "the body"),
    ],
)
def test_warns_when_a_token_arrived(target: str, headers: dict[str, str], body: Any, places: str) -> None:
    response = call("POST", target, headers, body)
    text = json.loads(response.body)["choices"][0]["message"]["content"]
    assert f"WARNING: a user token DID ARRIVE here, in {places}." in text
    assert "did not arrive" not in text
    assert TOKEN not in text and KEY not in text


def test_never_repeats_a_secret_used_as_model() -> None:
    text = json.loads(call("POST", "/v1/chat/completions", BEARER, {**MESSAGES, "model": KEY}).body)
    assert KEY not in text["choices"][0]["message"]["content"]


def test_shows_nothing_of_a_short_key() -> None:
    response = call("POST", "/v1/chat/completions", {"Authorization": "Bearer tiny-key"}, MESSAGES)
    assert b"too short to show" in response.body
    assert b"-key." not in response.body


def test_a_key_that_is_a_common_word_does_not_garble_the_story() -> None:
    response = call("POST", "/v1/chat/completions", {"Authorization": "Bearer demo"}, {**MESSAGES, "model": "demo"})
    assert b"built-in demo provider" in response.body
    assert "the model •••.".encode() in response.body


@pytest.mark.parametrize(
    "method, target, headers, body, status, kind",
    [
        ("POST", "/v1/chat/completions", {}, MESSAGES, 401, ("error", "code", "invalid_api_key")),
        ("POST", "/v1/chat/completions", TWO_KEYS, MESSAGES, 401, ("error", "code", "invalid_api_key")),
        ("POST", "/v1/messages", {}, MESSAGES, 401, ("error", "type", "authentication_error")),
        ("POST", "/v1/models/g:generateContent", {}, CONTENTS, 401, ("error", "status", "UNAUTHENTICATED")),
        ("GET", "/v1/models", {}, None, 401, ("error", "code", "invalid_api_key")),
        ("POST", "/v1/embeddings", {}, {}, 401, ("error", "code", "invalid_api_key")),
        ("POST", "/v1/chat/completions", BEARER, b"{", 400, ("error", "type", "invalid_request_error")),
        ("POST", "/v1/chat/completions", BEARER, b"[]", 400, ("error", "type", "invalid_request_error")),
        ("POST", "/v1/chat/completions", BEARER, b"[" * 100_000, 400, ("error", "type", "invalid_request_error")),
        ("POST", "/v1/messages", BEARER, {"model": "m"}, 400, ("error", "type", "invalid_request_error")),
        ("POST", "/v1/models/g:generateContent", BEARER, b"\xff", 400, ("error", "status", "INVALID_ARGUMENT")),
        ("POST", "/v1/embeddings", BEARER, {"model": "m"}, 400, ("error", "type", "invalid_request_error")),
        ("GET", "/v1/chat/completions", BEARER, None, 405, ("error", "type", "invalid_request_error")),
        ("GET", "/nowhere?key=" + KEY, BEARER, None, 404, ("error", "code", "not_found")),
        ("DELETE", "/v2/chat/completions", BEARER, None, 404, ("error", "code", "not_found")),
    ],
)
def test_refuses_in_the_callers_dialect(
    method: str, target: str, headers: dict[str, str], body: Any, status: int, kind: tuple[str, str, str]
) -> None:
    response = call(method, target, headers, body)
    assert response.code == status
    assert response.headers["Content-Type"] == "application/json"
    assert json.loads(response.body)[kind[0]][kind[1]] == kind[2]
    assert KEY.encode() not in response.body


@pytest.mark.parametrize(
    "method, target, body, expected",
    [
        ("GET", "/v1/models", None, {"object": "list"}),
        ("GET", "/v1beta/openai/models", None, {"object": "list"}),
        ("GET", "/v1/models/org%2Fm%3A1", None, {"id": "org/m:1"}),
        ("POST", "/v1/embeddings", {"model": "e", "input": "a"}, {"model": "e"}),
    ],
)
def test_other_endpoints(method: str, target: str, body: Any, expected: dict[str, Any]) -> None:
    response = call(method, target, BEARER, body)
    assert response.code == 200
    assert expected.items() <= json.loads(response.body).items()


@pytest.mark.parametrize(
    "target, body, content_type, end",
    [
        ("/v1/chat/completions", MESSAGES | {"stream": True}, "text/event-stream", b"data: [DONE]\n\n"),
        ("/v1/messages", MESSAGES | {"stream": True}, "text/event-stream", b'{"type":"message_stop"}\n\n'),
        ("/v1beta/models/g:streamGenerateContent?alt=sse", CONTENTS, "text/event-stream", b"}\r\n\r\n"),
        ("/v1beta/models/g:streamGenerateContent", CONTENTS, "application/json", b"}\n]"),
    ],
)
def test_streams(target: str, body: Any, content_type: str, end: bytes) -> None:
    response = call("POST", target, BEARER, body)
    assert response.headers["Content-Type"].startswith(content_type)
    assert response.body.endswith(end)
    assert b"a1f3" in response.body


async def open_stream(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask for a stream by hand and read up to its first event."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps(MESSAGES | {"stream": True}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await reader.readuntil(b"data: ")
    return reader, writer


@pytest.mark.parametrize("who", ["client", "demo"])
def test_a_stream_ends_at_once(monkeypatch: pytest.MonkeyPatch, who: str) -> None:
    monkeypatch.setattr(DemoBehaviour, "pause", 3600)
    original = Exchange.send_stream

    async def scenario(demo: Demo, port: int) -> None:
        ended = asyncio.Event()

        async def watched(self: Exchange, *args: Any) -> None:
            await original(self, *args)
            ended.set()

        monkeypatch.setattr(Exchange, "send_stream", watched)
        reader, writer = await open_stream(port)
        assert not ended.is_set()
        if who == "demo":
            demo.stop()
        else:
            writer.close()
        await asyncio.wait_for(ended.wait(), 10)
        assert b"[DONE]" not in await reader.read()
        writer.close()

    with_demo(scenario)


def test_stop_frees_the_port_and_start_works_again() -> None:
    async def scenario(demo: Demo, port: int) -> None:
        with pytest.raises(RuntimeError, match="already runs"):
            demo.start()
        _, idle = await asyncio.open_connection("127.0.0.1", port)
        demo.stop()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        again = demo.start()
        _, writer = await open_stream(again)
        writer.close()
        idle.close()

    with_demo(scenario)


def test_a_bug_is_logged_without_the_request(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*args: object) -> str:
        raise ZeroDivisionError(KEY)

    monkeypatch.setattr(DemoBehaviour, "text", broken)
    response = call("POST", f"/v1/chat/completions?key={KEY}", {}, MESSAGES)
    assert response.code == 500
    assert json.loads(response.body)["error"]["type"] == "server_error"
    assert "ZeroDivisionError" in caplog.text
    assert KEY not in caplog.text + response.body.decode()

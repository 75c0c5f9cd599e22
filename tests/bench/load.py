"""The provider and its clients, in one process: a chunk is sent when the client has the one before.

So every chunk passes the proxy by itself, however busy the machine is: none are read together. Plain asyncio streams; what
this costs is not measured, only the proxy's own CPU time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

PATH = "/v1/chat/completions"
_USAGE = {"prompt_tokens": 12, "completion_tokens": 34, "total_tokens": 46}
_TEXT = "A sentence of the usual length, as models write them. " * 12
ANSWER = json.dumps(
    {"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "m-1", "usage": _USAGE,
     "choices": [{"index": 0, "message": {"role": "assistant", "content": _TEXT}, "finish_reason": "stop"}]}
).encode()  # fmt: skip
_EVENT = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m-1"}
_DELTA = [{"index": 0, "delta": {"content": " token"}, "logprobs": None, "finish_reason": None}]
CHUNK = b"data: " + json.dumps(_EVENT | {"choices": _DELTA}).encode() + b"\n\n"
LAST = b"data: " + json.dumps(_EVENT | {"choices": [], "usage": _USAGE}).encode() + b"\n\ndata: [DONE]\n\n"


class Broken(Exception):
    """The proxy is gone, or has answered something else than the provider did."""


@dataclass
class Target:
    """Where clients send requests to, and what they bring."""

    port: int
    path: str = PATH
    headers: Mapping[str, str] = field(default_factory=dict)


class Provider:
    """Answers chats: JSON, or as many chunks as the client's body says in `max_tokens`."""

    def __init__(self) -> None:
        self.port = 0
        self.turns: dict[str, asyncio.Semaphore] = {}  # by the client's name: how many chunks may be sent
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Provider:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                body = json.loads((await _message(reader))[1])
                if body.get("stream"):
                    await self._stream(writer, body["user"], body["max_tokens"])
                else:
                    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(ANSWER)}\r\n\r\n"
                    writer.write(head.encode() + ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _stream(self, writer: asyncio.StreamWriter, name: str, chunks: int) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(chunks + 1):
            await self.turns[name].acquire()
            data = CHUNK if number < chunks else LAST
            writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n" + (b"0\r\n\r\n" if data is LAST else b""))


class Client:
    """One connection that is kept."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, **more: str) -> None:
        """One request with an answer in JSON. Raises Broken. `more`: headers."""
        reader = await self._send({}, more)
        head, body = await self._read(_message(reader))
        if b" 200 " not in head.split(b"\r\n", 1)[0] or body != ANSWER:
            raise Broken(f"{head[:200]!r} {body[:200]!r}")

    async def stream(self, provider: Provider, name: str, chunks: int) -> None:
        """One streamed answer of so many chunks, each let go when the one before has come. Raises Broken."""
        turns = provider.turns[name] = asyncio.Semaphore(1)
        reader = await self._send({"stream": True, "user": name, "max_tokens": chunks}, {})
        head = await self._read(reader.readuntil(b"\r\n\r\n"))
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise Broken(f"{head[:200]!r}")
        came = b""
        while not came.endswith(b"0\r\n\r\n"):
            data = await self._read(reader.read(65536))
            if not data:
                raise Broken("the stream was cut")
            came = (came + data)[-len(CHUNK) :]
            turns.release()

    def close(self) -> None:
        """Let go of the connection."""
        if self._writer:
            self._writer.close()

    async def _send(self, fields: Mapping[str, object], more: Mapping[str, str]) -> asyncio.StreamReader:
        if self._reader is None or self._writer is None:
            try:
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._target.port)
            except OSError as error:
                raise Broken(str(error)) from None
        body = json.dumps({"model": "m-1", "messages": [{"role": "user", "content": "hi"}], **fields}).encode()
        headers = {"Host": f"127.0.0.1:{self._target.port}", "Content-Type": "application/json"}
        headers |= {"Content-Length": str(len(body)), **self._target.headers, **more}
        head = f"POST {self._target.path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        self._writer.write(head.encode() + b"\r\n" + body)
        return self._reader

    async def _read(self, reading):
        try:
            return await asyncio.wait_for(reading, 30)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Broken(type(error).__name__) from None


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of a message with a Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    return head, await reader.readexactly(length)


async def ask_many(target: Target, count: int, clients: int) -> None:
    """`count` requests, by so many clients at once."""
    left = iter(range(count))

    async def work() -> None:
        client = Client(target)
        for _ in left:
            await client.ask()
        client.close()

    await asyncio.gather(*(work() for _ in range(clients)))


async def stream_many(target: Target, provider: Provider, count: int, clients: int) -> None:
    """So many streams at once, `count` chunks together."""

    async def work(number: int) -> None:
        client = Client(target)
        await client.stream(provider, str(number), count // clients)
        client.close()

    await asyncio.gather(*(work(number) for number in range(clients)))

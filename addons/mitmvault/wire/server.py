"""HTTP/1 connections, mended in four places.

1. An unreadable request, or body, is answered as JSON, and nothing of it is quoted: not in the answer, not in a log.
   (mitmproxy logs half-received heads and bad request lines as they are, tokens included.)
2. A head has a size limit.
3. The same for HTTP/2, whose error pages share one function.
4. Trailers do not crash the layer; they are thrown away.

How: `HttpLayer` instantiates the module global Http1Server; error pages come from the global functions
`_http1.make_error_response` and `_http2.format_error`, bodies are read by `_http1.make_body_reader`
(11.0.2 and 12.2.3).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import h11
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers.http import _http1, _http2

from mitmvault.core.refusal import Refusal, answer
from mitmvault.wire.stream import response_of

_STOCK = layers.Http1Server
_stock_body_reader = _http1.make_body_reader
MAX_HEAD = 256 * 1024  # bytes; mitmproxy has no limit


def install() -> None:
    """Put the replacements in place; they stay until the process ends."""
    layers.Http1Server = MendedServer  # type: ignore[misc]
    _http1.make_error_response = _error_response  # type: ignore[assignment]
    _http1.make_body_reader = _body_reader  # type: ignore[assignment]
    _http2.format_error = _error_body  # type: ignore[assignment]


class MendedServer(_STOCK):  # type: ignore[misc,valid-type]
    """Http1Server that quotes nothing and limits heads."""

    def read_headers(self, event: Any) -> Generator[Any, Any, None]:
        if isinstance(event, events.ConnectionClosed):
            yield commands.CloseConnection(self.conn)
            return
        if len(self.buf) > MAX_HEAD and b"\r\n\r\n" not in bytes(self.buf)[:MAX_HEAD]:
            yield from self._give_up()
            return
        for command in super().read_headers(event):
            if isinstance(command, commands.Log):  # it quotes the request line
                command = commands.Log("unreadable HTTP request", command.level)
            yield command

    def read_body(self, event: Any) -> Generator[Any, Any, None]:
        broken = False
        for command in super().read_body(event):
            if isinstance(command, commands.CloseConnection) and self.response is None:
                broken = True  # a chunk that is none
                yield commands.SendData(self.conn, _error_response(400, ""))
            yield command
        if broken:
            self.state = self.done

    def _give_up(self) -> Generator[Any, Any, None]:
        yield commands.SendData(self.conn, _error_response(400, ""))
        yield commands.CloseConnection(self.conn)
        self.state = self.done


def _body_reader(expected_size: int | None) -> Any:
    return _NoTrailers(_stock_body_reader(expected_size))


class _NoTrailers:
    """A body reader of h11 whose end never has trailers: mitmproxy has no use for them, and crashes.

    For requests and for answers: a chunked answer with trailers would leave its client waiting.
    """

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def __call__(self, buffer: Any) -> Any:
        event = self._reader(buffer)
        return h11.EndOfMessage() if isinstance(event, h11.EndOfMessage) else event

    def read_eof(self) -> Any:
        return self._reader.read_eof()


def _error_response(status: int, message: str = "") -> bytes:
    response = response_of(answer(_refusal(status)))
    response.headers["connection"] = "close"
    return http1.assemble_response(response)


def _error_body(status: int, message: str) -> bytes:
    return answer(_refusal(status)).body


def _refusal(status: int) -> Refusal:
    if status < 500:
        return Refusal("bad_request", "The request is not valid HTTP.")
    return Refusal("upstream_failed", "The request failed.")

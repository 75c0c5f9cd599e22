"""Interim answers of providers (1xx) are no answers: they are read, thrown away, and the answer itself is waited for.

mitmproxy takes the head of a 100 or 103 over HTTP/1 for the whole answer, and what follows it for unasked-for data; its
HTTP/2 ignores them, as we do here. A client that waits for 100 got it from mitmproxy itself. 101 is an answer: it opens
a WebSocket.

How: the module global Http1Client is replaced by a subclass of what stands there: that of `wire.key`, which therefore
is installed before (11.0.2 and 12.2.3).
Source: RFC 9110, section 15.2: a client reads any number of them, whether or not it expects them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mitmproxy.proxy import events
from mitmproxy.proxy.layers import http as layers

_HEAD = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d[ \r\n]")


def install() -> None:
    """Put the subclass in place; it stays until the process ends."""
    if not hasattr(layers.Http1Client, "passes_interim"):
        layers.Http1Client = _patient(layers.Http1Client)  # type: ignore[misc]


def _patient(stock: Any) -> Any:
    class Patient(stock):
        passes_interim = True

        def read_headers(self, event: Any) -> Iterator[Any]:
            if isinstance(event, events.DataReceived) and self.request:
                while _HEAD.match(bytes(self.buf)) and self.buf.maybe_extract_lines():
                    pass
            yield from super().read_headers(event)

    Patient.__name__ = f"Patient{stock.__name__}"
    return Patient

"""An HTTP server on a free loopback port, inside the running asyncio loop, that can be closed at once.

Rules: 1. It never listens on anything but 127.0.0.1.
       2. `close()` is synchronous and leaves no connection open; handlers in the middle of a stream learn it at once.
"""

from __future__ import annotations

import weakref
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets


class LoopbackServer(HTTPServer):
    """tornado's server, which by itself would need a coroutine to close its idle connections."""

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        """tornado's constructor: it builds servers by `initialize`, not by `__init__`."""
        super().initialize(*args, **kwargs)
        self.connection_count = 0
        self._streams: weakref.WeakSet[IOStream] = weakref.WeakSet()

    def start_anywhere(self) -> int:
        """Listen on a free port and return its number."""
        sockets = bind_sockets(0, "127.0.0.1")
        self.add_sockets(sockets)
        return int(sockets[0].getsockname()[1])

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        """tornado calls this for each new connection."""
        self.connection_count += 1
        self._streams.add(stream)
        super().handle_stream(stream, address)

    def close(self) -> None:
        """Stop listening and drop every connection."""
        self.stop()
        for stream in list(self._streams):
            stream.close()

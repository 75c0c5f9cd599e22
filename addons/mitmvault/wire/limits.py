"""Two limits that mitmproxy has no option for, or has one only in newer versions."""

from __future__ import annotations

import asyncio
import collections
from typing import Any

from mitmproxy import ctx
from mitmproxy.proxy import server

_stock_init = server.ConnectionHandler.__init__


def install() -> None:
    """Lift the limit of five upstream connections for one client connection.

    An HTTP/2 client in front of an HTTP/1 provider would wait for one of five streams to end
    (`ConnectionHandler.max_conns`, 11.0.2 and 12.2.3).
    """
    server.ConnectionHandler.__init__ = _init  # type: ignore[method-assign]


def set_idle_timeout(seconds: int) -> None:
    """Close connections after this much silence. 12.2.1 and newer have an option, older ones a constant."""
    if "tcp_timeout" in ctx.options:
        ctx.options.update(tcp_timeout=seconds)
    else:
        server.TCP_TIMEOUT = seconds  # type: ignore[attr-defined]


def _init(self: Any, *args: Any, **kwargs: Any) -> None:
    _stock_init(self, *args, **kwargs)
    self.max_conns = collections.defaultdict(lambda: asyncio.Semaphore(10_000))

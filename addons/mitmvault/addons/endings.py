"""Which requests are under way, and which have come to their end: each end is told once, some of them together.

Rules: 1. A request ends with its answer, with an error, when its WebSocket closes, or when mitmvault stops.
       2. The listeners are told one after the other: what one has found out, the next may write down. The books make
          the row of it; the readers are told the row, whether or not a ledger is kept.
       3. Where nobody looks at flows, ends are told SOON, some TOGETHER: by itself each would take three times as long,
          for its code has left the processor's caches, and at the worst moment, when the last byte is on its way.
          Whoever answers questions about what has ended calls `settle` before.
       4. No failure here reaches a request, and a listener's failure no other listener.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable
from typing import TypeVar
from weakref import WeakValueDictionary

from mitmproxy import ctx, http

from mitmvault.addons.fail_closed import harmless, report
from mitmvault.core.records.record import Record
from mitmvault.wire import meter

SOON, TOGETHER = 0.05, 32  # seconds, and ends (rule 3)
VIEWERS = ("view", "dumper")  # addons of mitmproxy that show flows when they end; 11.0.2 and 12.2.3
COPIES = ("save_stream_file", "hardump")  # options with which it writes them to a file then
OURS = ("mitmvault.", "mitmproxy.")  # the packages of all other addons that we know
Listener = Callable[[http.HTTPFlow, float], None]  # told the time of the end as well, in seconds since 1970
Books = Callable[[http.HTTPFlow, float], Record | None]  # None: a page of ours
Reader = Callable[[http.HTTPFlow, Record], None]
Told = TypeVar("Told")


class Endings:
    """Stands behind all addons that find something out about a request."""

    def __init__(self, *listeners: Listener, books: Books) -> None:
        self.listeners, self.books = listeners, books
        self.readers: list[Reader] = []
        self._open: WeakValueDictionary[str, http.HTTPFlow] = WeakValueDictionary()
        self._ended: list[tuple[http.HTTPFlow, float]] = []  # of which nobody was told yet
        self._due: asyncio.Handle | None = None
        self._together = 1

    def running(self) -> None:
        self._together = 1 if looked_at() else TOGETHER

    def configure(self, updated: set[str]) -> None:
        if updated.intersection(COPIES):
            self.running()

    @harmless
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.is_replay == "request":
            self.settle()  # its first life comes first
        self._open[flow.id] = flow

    @harmless
    def response(self, flow: http.HTTPFlow) -> None:
        if flow.websocket is None:  # else it has only begun
            self._end(flow)

    @harmless
    def error(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    @harmless
    def websocket_end(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def done(self) -> None:
        """What is under way ends with us. All are told when this returns."""
        self._together = 1
        for flow in self.under_way():
            self._cut_off(flow)
        self.settle()

    def under_way(self) -> list[http.HTTPFlow]:
        """The requests that have not come to their end, our own pages included."""
        return list(self._open.values())

    def settle(self) -> None:
        """Tell of all that have ended."""
        if self._due:
            self._due.cancel()
            self._due = None
        ended, self._ended = self._ended, []
        for listener in self.listeners:
            for end in ended:
                _guarded(listener, *end)
        told = [(flow, row) for flow, now in ended if (row := _guarded(self.books, flow, now))]
        for reader in self.readers:
            for known in told:
                _guarded(reader, *known)

    @harmless
    def _cut_off(self, flow: http.HTTPFlow) -> None:
        meter.of(flow.request).aborted = True
        self._end(flow)

    def _end(self, flow: http.HTTPFlow) -> None:
        self._open.pop(flow.id, None)
        found = meter.of(flow.request)
        if found.told:
            return
        found.told = True
        self._ended.append((flow, time.time()))
        if self._together == 1:
            self.settle()
        elif self._due is None:
            self._due = asyncio.get_running_loop().call_later(SOON, self.settle)
        elif len(self._ended) == self._together:
            self._due.cancel()
            self._due = asyncio.get_running_loop().call_soon(self.settle)  # this answer's last byte goes first


def _guarded(tell: Callable[..., Told], flow: http.HTTPFlow, what: object) -> Told | None:
    try:
        return tell(flow, what)
    except Exception as error:
        report(getattr(tell, "__qualname__", "a listener"), error)
        return None


def looked_at() -> bool:
    """Does anybody else see flows as they end: a viewer, a file, an addon or a script that is not ours?"""
    chain, option = ctx.master.addons.chain, functools.partial(getattr, ctx.options)
    strangers = any(not type(addon).__module__.startswith(OURS) for addon in chain)
    viewers = any(ctx.master.addons.get(name) is not None for name in VIEWERS)  # an empty view is false
    return strangers or viewers or len(option("scripts", ())) > 1 or any(option(name, None) for name in COPIES)

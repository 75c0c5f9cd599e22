"""The bookkeeper: one row of the ledger for every request, when it has come to its end. (core/records/record.py)

Rules: 1. A row is made once: at the end of the answer, at an error, when a WebSocket closes, or when mitmvault stops.
       2. Our own pages have none, health checks least of all; what they ask a provider has one, as an inquiry.
       3. Strangers cannot fill the disk: of requests that were refused before anybody was known, STRANGERS are kept.
       4. No failure here reaches a request. The disk is touched by the writer's thread alone.
       5. Who else wants to know of a request's end is told its row, whether or not a ledger is kept.
       6. Rows are made SOON, some together: by itself, each would take several times as long, at the worst moment, when
          the last byte is on its way. Whoever answers questions about them calls `settle` before.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from mitmproxy import http

from mitmvault.addons.arrivals import way_of
from mitmvault.addons.fail_closed import report
from mitmvault.addons.keeper import Keeper
from mitmvault.addons.rows import USAGE, counts, row
from mitmvault.addons.tunnels import Tunnels
from mitmvault.core.configuration.throttle import Throttle
from mitmvault.core.records.record import Record
from mitmvault.home.ledger_writer import LedgerWriter
from mitmvault.home.sqlite_ledger import SqliteLedger
from mitmvault.wire import meter

STRANGERS = (600, 60.0)  # as many in as many seconds (rule 3)
SOON, TOGETHER = 0.05, 8  # seconds, and rows (rule 6); with more, what they are made of is no longer in the caches
Listener = Callable[[http.HTTPFlow, Record], None]


def _harmless(hook: Callable[..., None]) -> Callable[..., None]:
    """Rule 4."""

    @functools.wraps(hook)
    def guarded(self: Any, flow: http.HTTPFlow) -> None:
        try:
            hook(self, flow)
        except Exception as error:
            report(hook.__qualname__, error)

    return guarded


class Bookkeeper:
    """Stands behind all addons that find something out about a request."""

    def __init__(self, keeper: Keeper, tunnels: Tunnels) -> None:
        self.keeper = keeper
        self.tunnels = tunnels
        self.listeners: list[Listener] = []
        self._open: WeakValueDictionary[str, http.HTTPFlow] = WeakValueDictionary()
        self._writer: LedgerWriter | None = None
        self._strangers = Throttle(*STRANGERS)
        self._ended: list[tuple[http.HTTPFlow, float]] = []  # whose rows are to be made; with the time of their end
        self._due: asyncio.TimerHandle | None = None
        self._stopped = False  # what comes now is written at once: nobody will close the writer

    def running(self) -> None:
        self._stopped = False
        self._writing()

    @_harmless
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        self._open[flow.id] = flow
        if flow.is_replay == "request":
            flow.metadata.pop(USAGE, None)  # its first life's

    @_harmless
    def response(self, flow: http.HTTPFlow) -> None:
        if flow.websocket is None:  # else it has only begun
            self._tell(flow)

    @_harmless
    def error(self, flow: http.HTTPFlow) -> None:
        self._tell(flow)

    @_harmless
    def websocket_message(self, flow: http.HTTPFlow) -> None:
        if flow.websocket and flow.websocket.messages:
            message, found = flow.websocket.messages[-1], meter.of(flow.request)
            if message.from_client:
                found.bytes_in += len(message.content)
            else:
                found.bytes_out += len(message.content)
                found.first_byte = found.first_byte or time.time()

    @_harmless
    def websocket_end(self, flow: http.HTTPFlow) -> None:
        self._tell(flow)

    def way(self, flow: http.HTTPFlow) -> str:
        """How a flow came in."""
        return way_of(flow, self.tunnels.has(flow.client_conn)).value

    @property
    def writer(self) -> LedgerWriter | None:
        """Whoever writes the ledger; None until there is a row to write."""
        return self._writer

    def under_way(self) -> list[http.HTTPFlow]:
        """The requests that have not come to their end, our own pages included."""
        return list(self._open.values())

    def done(self) -> None:
        """What is under way ends with us. Everything is written when this returns."""
        for flow in self.under_way():
            self._cut_off(flow)
        self.settle()
        self._close()
        self._stopped = True

    def settle(self) -> None:
        """Make the rows of all that have ended. (rule 6)"""
        if self._due:
            self._due.cancel()
            self._due = None
        ended, self._ended = self._ended, []
        writer = self._writing() if ended else None
        for flow, now in ended if writer or self.listeners else ():
            try:
                self._make(flow, now, writer)
            except Exception as error:
                report("Bookkeeper.settle", error)
        if self._stopped:
            self._close()

    def _close(self) -> None:
        if self._writer:
            self._writer.close()
            self._writer = None

    @_harmless
    def _cut_off(self, flow: http.HTTPFlow) -> None:
        meter.of(flow.request).aborted = True
        self._tell(flow)

    def _tell(self, flow: http.HTTPFlow) -> None:
        self._open.pop(flow.id, None)
        found = meter.of(flow.request)
        if found.told:
            return
        found.told = True
        if not counts(flow, found):
            return
        self._ended.append((flow, time.time()))
        if self._stopped or len(self._ended) >= TOGETHER:
            self.settle()
        elif self._due is None:
            try:
                self._due = asyncio.get_running_loop().call_later(SOON, self.settle)
            except RuntimeError:  # nothing goes on beside us
                self.settle()

    def _make(self, flow: http.HTTPFlow, now: float, writer: LedgerWriter | None) -> None:
        told = row(flow, self.way(flow), now)
        if writer and (told.user or self._may_come()):
            writer.put(told)
        for listener in self.listeners:
            try:
                listener(flow, told)
            except Exception as error:
                report(getattr(listener, "__qualname__", "a listener"), error)

    def _may_come(self) -> bool:
        """Is there room for one more stranger? (rule 3)"""
        now = time.monotonic()
        if self._strangers.wait(now):
            return False
        self._strangers.failed(now)
        return True

    def _writing(self) -> LedgerWriter | None:
        """The writer, if rows are to be kept as the settings are now."""
        world = self.keeper.current
        days = world.settings.ledger_days if world else 0
        if not days:
            return None
        if self._writer is None:
            self._writer = LedgerWriter(SqliteLedger(self.keeper.home.ledger), days)
            self._writer.start()
        self._writer.days = days
        return self._writer

"""The bookkeeper: one row of the ledger for every request, when it has come to its end. (core/records/record.py)

Rules: 1. Our own pages have none, health checks least of all; what they ask a provider has one, as an inquiry.
       2. Strangers cannot fill the disk: of requests that were refused before anybody was known, STRANGERS are kept.
       3. No failure here reaches a request. The disk is touched by the writer's thread alone.
"""

from __future__ import annotations

import time

from mitmproxy import http

from mitmvault.addons.arrivals import way_of
from mitmvault.addons.fail_closed import harmless
from mitmvault.addons.keeper import Keeper
from mitmvault.addons.rows import counts, row
from mitmvault.addons.tunnels import Tunnels
from mitmvault.core.configuration.throttle import Throttle
from mitmvault.core.records.record import Record
from mitmvault.home.ledger_writer import LedgerWriter
from mitmvault.home.sqlite_ledger import SqliteLedger
from mitmvault.wire import meter

STRANGERS = (600, 60.0)  # as many in as many seconds (rule 2)


class Bookkeeper:
    """Hears of every request's end. (endings.py)"""

    def __init__(self, keeper: Keeper, tunnels: Tunnels) -> None:
        self.keeper = keeper
        self.tunnels = tunnels
        self._writer: LedgerWriter | None = None
        self._strangers = Throttle(*STRANGERS)
        self._stopped = False  # what comes now is written at once: nobody will close the writer

    def running(self) -> None:
        self._stopped = False
        self._writing()

    def ended(self, flow: http.HTTPFlow, now: float) -> Record | None:
        """A request has come to its end, at `now`. Its row, which is on its way to the ledger; None: a page of ours."""
        if not counts(flow):
            return None
        told, writer = row(flow, self.way(flow), now), self._writing()
        if writer and (told.user or self._may_come()):
            writer.put(told)
        if self._stopped:
            self._close()
        return told

    @harmless
    def websocket_message(self, flow: http.HTTPFlow) -> None:
        if flow.websocket and flow.websocket.messages:
            message, found = flow.websocket.messages[-1], meter.of(flow.request)
            if message.from_client:
                found.bytes_in += len(message.content)
            else:
                found.bytes_out += len(message.content)
                found.first_byte = found.first_byte or time.time()

    def way(self, flow: http.HTTPFlow) -> str:
        """How a flow came in."""
        return way_of(flow, self.tunnels.has(flow.client_conn)).value

    @property
    def writer(self) -> LedgerWriter | None:
        """Whoever writes the ledger; None until there is a row to write."""
        return self._writer

    def done(self) -> None:
        """Everything is written when this returns."""
        self._close()
        self._stopped = True

    def _close(self) -> None:
        if self._writer:
            self._writer.close()
            self._writer = None

    def _may_come(self) -> bool:
        """Is there room for one more stranger? (rule 2)"""
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

"""Counts finished requests, and lends the page /metrics what it shows."""

from __future__ import annotations

from mitmproxy import http

from mitmvault.addons.bookkeeper import Bookkeeper
from mitmvault.addons.endings import Endings
from mitmvault.addons.keeper import Keeper
from mitmvault.addons.pages import Pages
from mitmvault.core.records.record import Record
from mitmvault.core.records.standing import Standing
from mitmvault.core.records.tally import Tally
from mitmvault.local import metrics
from mitmvault.wire import switch


class Metrics:
    """Listens to the bookkeeper; asks everybody else when somebody asks."""

    def __init__(self, keeper: Keeper, bookkeeper: Bookkeeper, endings: Endings, pages: Pages) -> None:
        self.keeper, self.bookkeeper, self.endings = keeper, bookkeeper, endings
        self.tally = Tally()
        endings.readers.append(self.ended)
        self._page = metrics.Metrics(self.tally, self.standing, lambda: keeper.current).page
        pages.metrics = self.page

    def ended(self, flow: http.HTTPFlow, row: Record) -> None:
        """A request has come to its end."""
        self.tally.count(row)

    def page(self, accept: str) -> tuple[str, bytes]:
        """The content type and the text of /metrics, for this header Accept."""
        self.endings.settle()
        return self._page(accept)

    def standing(self) -> Standing:
        """How everything stands now."""
        loads, writer = self.keeper.loads, self.bookkeeper.writer
        return Standing(
            in_flight=len(self.endings.under_way()),
            ready=switch.is_on(),
            loads=loads.good,
            failed_loads=loads.failed,
            load_ok=loads.ok,
            loaded=loads.at,
            rows_waiting=writer.waiting if writer else 0,
            rows_dropped=writer.dropped if writer else 0,
            ledger_ok=not (writer and writer.failing),
        )

"""What the dashboard shows of the ledger: sums over time, by user, provider and model, and the last requests.

Blocking: it reads a database. Rules: 1. Every question is bounded: in time, in rows, and in how long it may take.
       2. Unknown is None, and counted beside the sums. It is never 0.
       3. An answer is kept for a moment, so that many open pages cost no more than one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mitmvault.core.records.record import Record
from mitmvault.home import usage_cube
from mitmvault.home.ledger import Filter, Line
from mitmvault.home.usage_report import NOTHING, SqliteReports

# name -> (seconds, seconds of one bar)
RANGES: Mapping[str, tuple[int, int]] = {
    "1h": (3600, 60),
    "24h": (86_400, 1200),
    "7d": (7 * 86_400, 7200),
    "30d": (30 * 86_400, 28_800),
}
LINES = 50  # of a group
TAIL = 100  # requests
LONGEST = 10.0  # seconds that an answer may take
KEPT = 2.0  # seconds (rule 3)
SHARE = 20  # times as long as it took to find it, an answer is kept,
LONGEST_KEPT = 60.0  # but no longer


class Dashboard:
    """Asks a ledger. For one thread at a time."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._kept: dict[object, tuple[float, dict[str, Any]]] = {}

    def summary(self, path: Path, range_: str, which: Mapping[str, str | None]) -> dict[str, Any]:
        """Everything but the tail. Raises LedgerError, and KeyError for a range that is none."""
        seconds, step = RANGES[range_]
        now = self._clock()
        asked = (path, range_, tuple(which.items()))
        self._kept = {key: kept for key, kept in self._kept.items() if kept[0] - LONGEST_KEPT <= now < kept[0]}
        if asked in self._kept:
            return self._kept[asked][1]
        since = (int(now - seconds) // step + 1) * step
        begun = self._clock()
        reports = SqliteReports(path, longest=LONGEST)
        try:
            cube = usage_cube.cube(reports, Filter(since, now + 1, **which), step)
        finally:
            reports.close()
        moments = (cube.moments.get(number) or Line(str(number), *NOTHING) for number in range(seconds // step))
        found = {
            "range": range_,
            "since": since,
            "until": since + seconds,
            "step": step,
            "total": asdict(cube.total),
            "series": [asdict(line) for line in moments],
            "by": {by: [asdict(line) for line in lines[:LINES]] for by, lines in cube.by.items()},
        }
        took = self._clock() - begun
        self._kept[asked] = (now + min(LONGEST_KEPT, max(KEPT, SHARE * took)), found)
        return found

    def tail(self, path: Path, after: int, which: Mapping[str, str | None]) -> list[dict[str, Any]]:
        """The last requests with a number above `after`, the newest first. Raises LedgerError."""
        reports = SqliteReports(path, longest=LONGEST)
        try:
            found = reports.tail(Filter(0.0, self._clock() + 86_400, **which), after, TAIL)
        finally:
            reports.close()
        return [shown(number, told) for number, told in found]

    def told(self, path: Path, flow: str) -> Record | None:
        """The last row of a flow. Raises LedgerError."""
        reports = SqliteReports(path, longest=LONGEST)
        try:
            return reports.of_flow(flow)
        finally:
            reports.close()


def shown(number: int, told: Record) -> dict[str, Any]:
    """One request of the tail."""
    return {"id": number, **told._asdict(), "story": told.story}

"""Reports from the ledger in SQLite, read while the proxy writes it.

Rules: 1. Read-only: the file is opened as such, and a reader never keeps the writer waiting (WAL).
       2. What mitmvault asked providers itself (inquiries) is in the ledger, and in no report.
       3. Unknown is not 0: SQL's sum leaves NULL out, and the requests it left out are counted beside it.
       4. Percentiles are by nearest rank: a duration that really was, such that p % are no longer.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mitmvault.core.records.record import INQUIRY, Record
from mitmvault.home.ledger import Filter, LedgerError, Line
from mitmvault.home.sqlite_ledger import MIGRATIONS, TABLE, newer, version_of

_PATIENCE = 5.0  # seconds
_STEPS = 100_000  # of SQLite's machine, between two looks at the clock: some milliseconds
MODEL = "coalesce(model_sent, model_asked)"
_BY = {
    "user": "user",
    "provider": "provider",
    "model": MODEL,
    "key": "provider || ' ' || key",
    "day": "date(started, 'unixepoch', 'localtime')",
    "session": "session",
    "status": "trim(coalesce(status, '') || ' ' || coalesce(reason, iif(aborted, 'aborted', '')))",
}
WHERE = (
    "started >= :since AND started < :until AND (:user IS NULL OR user = :user)"
    " AND (:provider IS NULL OR provider = :provider)"
    f" AND (:model IS NULL OR {MODEL} = :model) AND way <> '{INQUIRY}'"
)
ENDED = "reason IS NULL AND NOT aborted AND provider IS NOT NULL"  # by themselves: their durations tell something
_COLUMNS = ", ".join(Record._fields)
# A provider has worked on it. Reading and deleting things costs nothing, but a realtime session begins with GET.
_WORKED = (
    "(provider IS NOT NULL AND coalesce(status, 200) < 400"
    " AND (method NOT IN ('GET', 'HEAD', 'OPTIONS', 'DELETE') OR status = 101))"
)
SUMS = f"""
    count(*), sum(coalesce(status, 0) >= 400 OR reason IS NOT NULL), sum(aborted),
    sum(tokens_in), sum(tokens_out), sum(tokens_cached_read), sum(tokens_cached_write), sum(tokens_reasoning),
    sum({_WORKED} AND tokens_in IS NULL AND tokens_out IS NULL), sum(cost), sum({_WORKED} AND cost IS NULL),
    sum(bytes_in), sum(bytes_out)
"""


class SqliteReports:
    """Reads a ledger. Raises LedgerError when there is none, or when it cannot be read, or not within `longest` seconds
    from now on.
    """

    def __init__(self, path: Path, longest: float | None = None) -> None:
        self.path = path
        if not path.exists():
            text = "the proxy makes one when it starts, unless `ledger_days` is 0 in mitmvault.yaml"
            raise LedgerError(f"there is no ledger at {path} yet: {text}")
        try:
            self._connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)
            if longest is not None:
                end = time.monotonic() + longest
                self._connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
        except sqlite3.Error as error:
            raise LedgerError(f"cannot read {path}: {error}") from None
        try:
            self._check()
        except BaseException:
            self.close()
            raise

    def _check(self) -> None:
        """Is it a ledger that this version can read? Raises LedgerError."""
        try:
            version = version_of(self._connection)
        except sqlite3.Error as error:
            raise LedgerError(f"cannot read {self.path}: {error}") from None
        if version != len(MIGRATIONS):
            path = self.path
            older = f"{path} was written by an older mitmvault: start the proxy once, which brings it up to date"
            raise LedgerError(newer(path) if version > len(MIGRATIONS) else older)

    def lines(self, by: str | None, of: Filter) -> list[Line]:
        """The sums by one of GROUPS; see `home.ledger.Reports`."""
        group = f"coalesce({_BY[by]}, '')" if by else "''"
        sums = self.rows(_sums(group, "1" if by == "day" else "2 DESC, 1"), of)
        tails = {name: tail for name, *tail in self.rows(_percentiles(group), of)}
        found = [Line(str(name), *rest, *tails.get(name, (None, None, None))) for name, *rest in sums]
        return found or ([] if by else [Line("", *NOTHING)])

    def tail(self, of: Filter, after: int, limit: int) -> list[tuple[int, Record]]:
        """The last requests; see `home.ledger.Reports`."""
        # The plus keeps SQLite from sorting what it finds by the index of `started`: it goes backwards by number.
        where = WHERE.replace("started", "+started")
        sql = f"SELECT id, {_COLUMNS} FROM {TABLE} WHERE {where} AND id > :after ORDER BY id DESC LIMIT :limit"  # noqa: S608
        return [(number, _record(row)) for number, *row in self.rows(sql, of, after=after, limit=limit)]

    def of_flow(self, flow: str) -> Record | None:
        """The last row of a flow; see `home.ledger.Reports`."""
        sql = f"SELECT {_COLUMNS} FROM {TABLE} WHERE substr(flow, 1, length(:flow)) = :flow ORDER BY id DESC LIMIT 1"  # noqa: S608
        return next((_record(row) for row in self.rows(sql, Filter(0, 0), flow=flow)), None)

    def rows(self, sql: str, of: Filter, **more: Any) -> Iterator[Sequence[Any]]:
        """What a statement of ours finds, one row after the other. Raises LedgerError."""
        try:
            yield from self._connection.execute(sql, asdict(of) | more)
        except sqlite3.Error as error:
            why = "it took too long" if str(error) == "interrupted" else str(error)
            raise LedgerError(f"cannot read {self.path}: {why}") from None

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


NOTHING = (0, 0, 0, None, None, None, None, None, 0, None, 0, 0, 0, None, None, None)


def _record(row: Sequence[Any]) -> Record:
    told = Record(*row)
    return told._replace(aborted=bool(told.aborted))


def _sums(group: str, order: str) -> str:
    return f"SELECT {group}, {SUMS} FROM {TABLE} WHERE {WHERE} GROUP BY 1 ORDER BY {order}"  # noqa: S608


def _percentiles(group: str) -> str:
    ranked = f"""
        SELECT {group} AS name, duration_ms AS took, count(*) OVER (PARTITION BY {group}) AS every,
            row_number() OVER (PARTITION BY {group} ORDER BY duration_ms) AS rank
        FROM {TABLE} WHERE {WHERE} AND {ENDED}
    """  # noqa: S608
    picked = ", ".join(f"max(iif(rank = (every * {p} + 99) / 100, took, NULL))" for p in (50, 95, 99))
    return f"SELECT name, {picked} FROM ({ranked}) GROUP BY name"  # noqa: S608

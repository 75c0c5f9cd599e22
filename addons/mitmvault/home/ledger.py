"""The ledger: what is kept of every request, and what can be asked about it. Here are the interfaces.

The database is SQLite (home/sqlite_ledger.py, home/usage_report.py). Another one has to offer these methods, no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mitmvault.core.records.record import Record

GROUPS = ("user", "provider", "model", "key", "day", "session", "status")


class LedgerError(Exception):
    """The ledger cannot be written or read now. The text is one sentence that says why."""


class Ledger(Protocol):
    """Where rows go. All calls come from one thread."""

    def write(self, rows: Sequence[Record]) -> None:
        """Keep these rows, all or none; they outlive the death of this process. Raises LedgerError."""

    def forget(self, before: float) -> None:
        """Delete the rows of requests that started before this time (seconds since 1970). Raises LedgerError."""

    def close(self) -> None:
        """Let go of the database. A later call opens it again."""


@dataclass(frozen=True)
class Filter:
    """Which requests a report is about. Times are seconds since 1970; `until` is not included."""

    since: float
    until: float
    user: str | None = None
    provider: str | None = None
    model: str | None = None  # as sent, or as asked for where nothing was sent


@dataclass(frozen=True)
class Line:
    """The sums of some requests. What is unknown is not in a sum: `…_unknown` says of how many requests."""

    name: str  # of the group; "" for requests that have none, such as refused ones no provider
    requests: int
    errors: int  # answered with a status from 400 on, or refused, or failed
    aborted: int
    tokens_in: int | None  # None: not known of any
    tokens_out: int | None
    tokens_cached_read: int | None
    tokens_cached_write: int | None
    tokens_reasoning: int | None
    tokens_unknown: int  # requests that a provider worked on, and whose tokens are not known
    cost: float | None  # US dollars
    cost_unknown: int
    bytes_in: int
    bytes_out: int
    p50_ms: float | None  # percentiles of the duration, of answers that came to their end; None: there is none
    p95_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True)
class Cube:
    """The sums of some requests, looked at from several sides."""

    total: Line
    moments: Mapping[int, Line]  # by the number of the moment, those without a request left out
    by: Mapping[str, list[Line]]  # user, provider, model: the most requests first


class Reports(Protocol):
    """What can be asked. Reading never waits for the writer, nor the writer for it."""

    def lines(self, by: str | None, of: Filter) -> list[Line]:
        """The sums by one of GROUPS, the most requests first, days in order; by None: one line of all."""

    def tail(self, of: Filter, after: int, limit: int) -> list[tuple[int, Record]]:
        """The last requests whose number is above `after`, with their numbers, the newest first."""

    def of_flow(self, flow: str) -> Record | None:
        """The last row whose flow's id begins like this; None if there is none."""

    def close(self) -> None:
        """Let go of the database."""

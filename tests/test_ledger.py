"""The interfaces: SQLite has them, and so could another database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mitmvault.core.records.record import Record
from mitmvault.home.ledger import GROUPS, Filter, Ledger, Reports
from mitmvault.home.ledger_writer import LedgerWriter
from mitmvault.home.sqlite_ledger import SqliteLedger
from mitmvault.home.usage_report import SqliteReports


class InMemory:
    """Another database."""

    def __init__(self) -> None:
        self.rows: list[Record] = []
        self.closed = False

    def write(self, rows: Sequence[Record]) -> None:
        self.rows += rows

    def forget(self, before: float) -> None:
        self.rows = [row for row in self.rows if row.started >= before]

    def close(self) -> None:
        self.closed = True


def test_another_database_can_be_written():
    database = InMemory()
    ledger: Ledger = database
    writer = LedgerWriter(ledger, 90)
    writer.start()
    writer.put(Record(1.0))
    writer.close()
    assert database.rows == [Record(1.0)] and database.closed


def test_sqlite_answers_every_question(tmp_path: Path):
    ledger: Ledger = SqliteLedger(tmp_path / "l")
    ledger.write([Record(5.0, "alice", way="listener")])
    ledger.close()
    reports: Reports = SqliteReports(tmp_path / "l")
    assert [len(reports.lines(by, Filter(0, 9))) for by in (*GROUPS, None)] == [1] * (len(GROUPS) + 1)
    reports.close()

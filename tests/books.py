"""The ledger as a test reads it: while it is written, or after."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from mitmvault.core.records.record import Record
from mitmvault.home.sqlite_ledger import TABLE
from tests.serving import eventually


def rows(path: Path) -> list[Record]:
    """Every row, in the order in which they were written; none when there is no ledger."""
    if not path.exists():
        return []
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        found = connection.execute(f"SELECT {', '.join(Record._fields)} FROM {TABLE} ORDER BY id").fetchall()
    except sqlite3.OperationalError as error:
        assert "no such table" in str(error)  # it is just being made
        return []
    finally:
        connection.close()
    return [Record(*row)._replace(aborted=bool(row[Record._fields.index("aborted")])) for row in found]


def wait_for(path: Path, count: int) -> list[Record]:
    """Wait until there are that many rows."""
    assert eventually(lambda: len(rows(path)) >= count), rows(path)
    return rows(path)


def integrity(path: Path) -> str:
    """What SQLite says about the file: `ok`."""
    connection = sqlite3.connect(path)
    try:
        return "; ".join(row[0] for row in connection.execute("PRAGMA integrity_check"))
    finally:
        connection.close()

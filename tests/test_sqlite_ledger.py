"""The ledger's file: its mode, its schema, what it survives."""

from __future__ import annotations

import os
import sqlite3
import stat

import pytest

from mitmvault.core.records.record import Record
from mitmvault.home.ledger import LedgerError
from mitmvault.home.sqlite_ledger import MIGRATIONS, TABLE, SqliteLedger, version_of


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def ledger(path):
    opened = SqliteLedger(path)
    yield opened
    opened.close()


def rows(path) -> list[tuple]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(f"SELECT {', '.join(Record._fields)} FROM {TABLE} ORDER BY id").fetchall()
    finally:
        connection.close()


FULL = Record(
    1700000000.5, "alice", "s-1", "tunnel", "POST", "groq", "a", "groq/a", "api.groq.com", "direct", "#1 …a1f3", 2,
    429, "rate_limited", True, 10, 20, 30.5, 40.5, 1, 2, 3, 4, 5, "reported", 0.25, "f-1", 1.5,
)  # fmt: skip


def test_every_column_is_kept(ledger, path):
    ledger.write([FULL, Record(5.0)])
    full, empty = rows(path)
    assert full == tuple(FULL) and empty == tuple(Record(5.0))
    assert empty[1] is None and empty[-1] is None, "unknown is not 0"


def test_the_files_are_for_the_owner_alone(ledger, path):
    before = os.umask(0)
    try:
        ledger.write([FULL])
        names = [path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))]
        assert [stat.S_IMODE(name.stat().st_mode) for name in names] == [0o600] * 3
    finally:
        os.umask(before)


def test_a_file_that_others_may_read_is_closed_to_them(ledger, path):
    path.touch(0o644)
    ledger.write([FULL])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_closed_there_is_one_file(ledger, path):
    ledger.write([FULL])
    ledger.close()
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    ledger.write([FULL])  # and it opens again
    assert len(rows(path)) == 2


def test_all_rows_or_none(ledger, path):
    ledger.write([FULL])
    with pytest.raises(sqlite3.IntegrityError):
        ledger.write([FULL, Record(None)])  # type: ignore[arg-type]
    assert len(rows(path)) == 1


def test_forgets_what_is_older(ledger, path):
    ledger.write([Record(float(n)) for n in range(12_000)])
    ledger.forget(11_998.0)
    assert [row[0] for row in rows(path)] == [11_998.0, 11_999.0]


def test_the_schema_has_a_version(ledger, path):
    ledger.write([FULL])
    connection = sqlite3.connect(path)
    assert version_of(connection) == len(MIGRATIONS)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_an_older_file_is_brought_up_to_date(ledger, path):
    ledger.write([FULL])
    ledger.close()
    later = SqliteLedger(path, (*MIGRATIONS, f"ALTER TABLE {TABLE} ADD COLUMN more TEXT; CREATE TABLE t (x);"))
    later.write([FULL])
    later.close()
    connection = sqlite3.connect(path)
    assert version_of(connection) == len(MIGRATIONS) + 1
    assert connection.execute(f"SELECT more FROM {TABLE}").fetchall() == [(None,), (None,)]
    connection.close()


def test_rows_of_every_older_version_are_still_there(path):
    for version in range(1, len(MIGRATIONS)):
        connection = sqlite3.connect(path)
        for step in MIGRATIONS[:version]:
            connection.executescript(step)
        connection.execute(f"PRAGMA user_version={version}")
        connection.execute(
            f"INSERT INTO {TABLE} (started, attempts, aborted, bytes_in, bytes_out, duration_ms)"
            " VALUES (1, 0, 0, 0, 0, 5)"
        )
        connection.commit()
        connection.close()
        made = SqliteLedger(path)
        made.write([FULL])
        made.close()
        assert rows(path) == [Record(1.0, duration_ms=5.0), FULL]
        path.unlink()


def test_a_step_that_fails_changes_nothing(ledger, path):
    ledger.write([FULL])
    ledger.close()
    with pytest.raises(LedgerError):
        SqliteLedger(path, (*MIGRATIONS, "CREATE TABLE t (x); NONSENSE")).write([FULL])
    connection = sqlite3.connect(path)
    assert version_of(connection) == len(MIGRATIONS)
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 't'").fetchall() == []
    connection.close()


def test_a_newer_file_is_left_alone(ledger, path):
    newer = SqliteLedger(path, (*MIGRATIONS, "CREATE TABLE t (x)"))
    newer.write([FULL])
    newer.close()
    with pytest.raises(LedgerError, match="newer mitmvault"):
        ledger.write([FULL])
    assert len(rows(path)) == 1


def test_a_file_that_is_no_database(ledger, path):
    path.write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(LedgerError, match="not a database"):
        ledger.write([FULL])


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(LedgerError, match=r"[Nn]o such file"):
        SqliteLedger(tmp_path / "gone" / "ledger.sqlite3").write([FULL])


def test_a_locked_file(ledger, path, monkeypatch):
    monkeypatch.setattr("mitmvault.home.sqlite_ledger.PATIENCE", 0.01)
    ledger.write([FULL])
    ledger.close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match="locked"):
        ledger.write([FULL])
    other.execute("ROLLBACK")
    other.close()
    ledger.write([FULL])
    assert len(rows(path)) == 2


def test_a_full_disk(ledger, path):
    ledger.write([FULL])
    pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
    ledger._connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(LedgerError, match="full"):
        ledger.write([FULL] * 10_000)
    ledger.write([FULL])  # opened anew, without the limit
    assert len(rows(path)) == 2


def test_a_file_that_is_moved_away_is_made_anew(ledger, path):
    ledger.write([FULL])
    path.rename(path.with_name("old"))
    ledger.write([FULL, FULL])
    assert len(rows(path)) == 2
    path.unlink()
    ledger.write([FULL])
    assert len(rows(path)) == 1


def test_readers_do_not_keep_the_writer_waiting(ledger, path):
    ledger.write([FULL])
    reader = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute(f"SELECT count(*) FROM {TABLE}").fetchone() == (1,)
    ledger.write([FULL])
    assert reader.execute(f"SELECT count(*) FROM {TABLE}").fetchone() == (1,)
    reader.execute("COMMIT")
    assert reader.execute(f"SELECT count(*) FROM {TABLE}").fetchone() == (2,)
    reader.close()


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 63, 64, 65, 200])
def test_every_row_of_a_batch_is_written_once(ledger, path, count):
    ledger.write([Record(float(number)) for number in range(count)])
    assert [row[0] for row in rows(path)] == [float(number) for number in range(count)]

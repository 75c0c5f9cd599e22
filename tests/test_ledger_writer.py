"""The writer: in batches, off the hot path; nothing is lost at the end, and little when there is no end."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import pytest

from mitmvault.core.records.record import Record
from mitmvault.home import ledger_writer
from mitmvault.home.ledger import LedgerError
from mitmvault.home.ledger_writer import LedgerWriter
from mitmvault.home.sqlite_ledger import SqliteLedger
from tests.proxy import TIMEOUT
from tests.serving import ADDONS, eventually


class Fake:
    """A ledger that the test holds up, breaks and mends."""

    def __init__(self) -> None:
        self.batches: list[list[Record]] = []
        self.forgot: list[float] = []
        self.error: Exception | None = None
        self.tries = 0
        self.may = threading.Event()
        self.may.set()

    @property
    def rows(self) -> list[Record]:
        return [row for batch in self.batches for row in batch]

    def write(self, rows: Sequence[Record]) -> None:
        self.tries += 1
        assert self.may.wait(TIMEOUT)
        if self.error:
            raise self.error
        self.batches.append(list(rows))

    def forget(self, before: float) -> None:
        if self.error:
            raise self.error
        self.forgot.append(before)

    def close(self) -> None:
        pass


@pytest.fixture
def fake():
    return Fake()


@pytest.fixture
def writer(fake, monkeypatch):
    monkeypatch.setattr(ledger_writer, "RETRY_AFTER", 0.01)
    opened = LedgerWriter(fake, 90, max_waiting=1000)
    yield opened
    fake.may.set()
    if opened._thread.is_alive():
        opened.close()


def row(number: int) -> Record:
    return Record(float(number), session=str(number), way="listener")


def test_20_000_rows_in_batches(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    ledger = SqliteLedger(path)
    writer = LedgerWriter(ledger, 90)
    writer.start()
    for number in range(20_000):
        writer.put(row(number)._replace(started=time.time()))
    writer.close()
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT session FROM requests ORDER BY id").fetchall()
    connection.close()
    assert found == [(str(number),) for number in range(20_000)] and writer.dropped == 0


def test_rows_are_written_without_being_asked(writer, fake):
    writer.start()
    writer.put(row(1))
    assert eventually(lambda: fake.rows == [row(1)])


def test_rows_are_written_together(writer, fake):
    fake.may.clear()
    writer.start()
    writer.put(row(0))
    assert eventually(lambda: fake.tries == 1)
    for number in range(1, 900):
        writer.put(row(number))
    fake.may.set()
    writer.close()
    assert len(fake.batches) == 2 and fake.rows == [row(number) for number in range(900)]


def test_put_does_not_wait_for_the_disk(writer, fake):
    fake.may.clear()  # the disk has stopped
    writer.start()
    for number in range(2000):
        writer.put(row(number))
    assert writer.dropped >= 1000 and fake.batches == []


def test_close_writes_what_is_left(writer, fake):
    writer.start()
    writer.put(row(1))
    writer.close()
    assert fake.rows == [row(1)]
    writer.put(row(2))
    assert writer.dropped == 1


def test_close_does_not_wait_for_ever(writer, fake, caplog):
    fake.may.clear()
    writer.start()
    writer.put(row(1))
    assert eventually(lambda: fake.tries == 1)
    writer.put(row(2))
    writer.close(timeout=0.01)
    assert "misses 2 requests" in caplog.text


def test_a_ledger_that_cannot_be_written_for_a_while(writer, fake, caplog):
    caplog.set_level(logging.INFO)
    fake.error = LedgerError("database or disk is full")
    writer.start()
    writer.put(row(1))
    assert eventually(lambda: fake.tries >= 3)
    writer.put(row(2))
    fake.error = None
    assert eventually(lambda: len(fake.rows) == 2)
    writer.close()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2, told  # once that it fails, once that it does not
    assert "disk is full" in told[0] and "0 requests are missing" in told[1]


def test_a_ledger_that_never_can_be_written(writer, fake, caplog):
    fake.error = LedgerError("file is not a database")
    writer.start()
    for number in range(1500):
        writer.put(row(number))
    writer.close()
    assert caplog.text.count("file is not a database") == 1
    assert writer.dropped == 500 and "misses 1500 requests" in caplog.text


def test_what_was_wrong_at_the_start_is_not_called_mended_before_it_is(writer, fake, caplog):
    fake.error = LedgerError("no")
    writer.start()
    assert eventually(lambda: "cannot be written: no" in caplog.text)
    assert "written again" not in caplog.text
    fake.error = None
    assert eventually(lambda: "written again" in caplog.text)


def test_rows_that_are_a_mistake_do_not_stop_the_others(writer, fake, caplog):
    fake.error = OverflowError("Python int too large to convert to SQLite INTEGER")
    writer.start()
    writer.put(row(1))
    assert eventually(lambda: writer.dropped == 1)
    fake.error = None
    writer.put(row(2))
    writer.close()
    assert fake.rows == [row(2)] and "OverflowError" in caplog.text and "misses 1 request" in caplog.text


def test_old_rows_are_forgotten_at_the_start_and_from_time_to_time(writer, fake, monkeypatch):
    monkeypatch.setattr(ledger_writer, "_SWEEP", 0.0)
    begun = time.time()
    writer.start()
    assert eventually(lambda: len(fake.forgot) == 1)
    writer.days = 1
    writer.put(row(1))
    assert eventually(lambda: len(fake.forgot) >= 2)
    assert begun - 90 * 86400 <= fake.forgot[0] <= time.time() - 90 * 86400
    assert begun - 86400 <= fake.forgot[-1] <= time.time() - 86400


PROGRAM = """
import sys, time
from pathlib import Path
from mitmvault.core.records.record import Record
from mitmvault.home.ledger_writer import LedgerWriter
from mitmvault.home.sqlite_ledger import SqliteLedger
writer = LedgerWriter(SqliteLedger(Path(sys.argv[1])), 90)
writer.start()
for number in range(20_000):
    writer.put(Record(time.time(), session=str(number), way="listener"))
    if number % 100 == 99:
        print(number, time.time(), flush=True)
        time.sleep(0.02)  # 20 000 rows in four seconds
"""


def test_kill_9_takes_at_most_the_last_second(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    command = [sys.executable, "-c", PROGRAM, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ADDONS)})
    assert process.stdout
    told: list[tuple[int, float]] = []
    for line in process.stdout:
        number, at = line.split()
        told.append((int(number), float(at)))
        if told[-1][0] >= 12_000:
            break
    killed = time.time()
    process.kill()
    process.stdout.close()
    assert process.wait(TIMEOUT) == -9

    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    found = [int(session) for (session,) in connection.execute("SELECT session FROM requests ORDER BY id")]
    connection.close()
    assert found == list(range(len(found))), "no gap"
    safe = max(number for number, at in told if at < killed - 1)
    assert safe > 1000 and len(found) > safe, (len(found), told[-1])

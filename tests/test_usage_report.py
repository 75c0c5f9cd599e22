"""Sums from the ledger: unknown is not nothing, and percentiles are durations that really were."""

from __future__ import annotations

import sqlite3
from datetime import datetime

import pytest

from mitmvault.core.records.record import INQUIRY, Record
from mitmvault.home.ledger import Filter, LedgerError, Line
from mitmvault.home.sqlite_ledger import MIGRATIONS, SqliteLedger
from mitmvault.home.usage_report import SqliteReports

EVER = Filter(0, 1e12)
USED = Record(
    100.0, "alice", "s", "listener", "POST", "groq", "a", "groq/a", "api.groq.com", "direct", "#1 …a1f3", 1, 200,
    bytes_in=7, bytes_out=8, duration_ms=50.0, tokens_in=10, tokens_out=5, tokens_cached_read=2, cost=0.5,
)  # fmt: skip
REFUSED = Record(100.0, way="listener", method="POST", status=401, reason="missing_token")


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "a ledger?%41.sqlite3"  # in a URI it has to be quoted
    opened = []

    def make(*rows: Record) -> SqliteReports:
        ledger = SqliteLedger(path)
        ledger.write(rows)
        ledger.close()
        opened.append(SqliteReports(path))
        return opened[-1]

    yield make
    for reports in opened:
        reports.close()


def names(reports: SqliteReports, by: str, of: Filter = EVER) -> dict[str, int]:
    return {line.name: line.requests for line in reports.lines(by, of)}


def total(reports: SqliteReports, of: Filter = EVER) -> Line:
    (line,) = reports.lines(None, of)
    return line


def test_one_request(report):
    assert total(report(USED)) == Line(
        "", 1, 0, 0, 10, 5, 2, None, None, 0, 0.5, 0, 7, 8, 50.0, 50.0, 50.0
    )  # fmt: skip


def test_nothing(report):
    reports = report()
    assert reports.lines("user", EVER) == []
    assert total(reports) == Line("", 0, 0, 0, None, None, None, None, None, 0, None, 0, 0, 0, None, None, None)


@pytest.mark.parametrize(
    ("by", "lines"),
    [
        ("user", {"alice": 2, "": 1, "bob": 1}),
        ("provider", {"groq": 3, "": 1}),
        ("model", {"groq/a": 2, "": 1, "asked": 1}),
        ("key", {"groq #1 …a1f3": 3, "": 1}),
        ("session", {"s": 3, "": 1}),
        ("status", {"200": 1, "200 aborted": 1, "401 missing_token": 1, "502 upstream_unreachable": 1}),
    ],
)
def test_groups(report, by, lines):
    cut = USED._replace(aborted=True)
    failed = USED._replace(user="bob", status=502, reason="upstream_unreachable", model_sent=None, model_asked="asked")
    found = names(report(USED, cut, failed, REFUSED), by)
    assert found == lines and list(found.values()) == sorted(found.values(), reverse=True)


def test_days_are_local_and_in_order(report):
    days = [datetime(2026, 11, day, hour).timestamp() for day, hour in ((3, 0), (1, 23), (3, 23), (2, 12))]
    found = names(report(*(USED._replace(started=day) for day in days)), "day")
    assert list(found.items()) == [("2026-11-01", 1), ("2026-11-02", 1), ("2026-11-03", 2)]


@pytest.mark.parametrize(
    ("of", "count"),
    [
        (Filter(100, 101), 1),
        (Filter(100.1, 200), 1),
        (Filter(0, 100), 0),
        (Filter(0, 1e12, "alice"), 1),
        (Filter(0, 1e12, "bob"), 1),
        (Filter(0, 1e12, "' OR 1=1 --"), 0),
    ],
)
def test_filters(report, of, count):
    reports = report(USED, USED._replace(started=150.0, user="bob"))
    assert total(reports, of).requests == count == sum(names(reports, "user", of).values())


def test_what_mitmvault_asked_itself_is_not_the_users(report):
    assert total(report(USED, USED._replace(way=INQUIRY))).requests == 1


def test_errors_and_aborts(report):
    rows = [USED, REFUSED, USED._replace(status=429), USED._replace(aborted=True, status=None),
            USED._replace(reason="upstream_failed")]  # fmt: skip
    line = total(report(*rows))
    assert (line.requests, line.errors, line.aborted) == (5, 3, 1)


@pytest.mark.parametrize(
    ("fields", "unknown"),
    [
        ({}, 1),
        ({"aborted": True, "status": None}, 1),  # sent, and the client left before the answer
        ({"reason": "upstream_failed"}, 1),  # in the middle of an answer
        ({"method": "GET", "status": 101}, 1),  # a realtime session
        ({"method": "GET"}, 0),
        ({"method": "DELETE"}, 0),
        ({"status": 429}, 0),
        ({"status": 502, "reason": "upstream_unreachable"}, 0),
        ({"provider": None, "status": 403, "reason": "model_not_allowed"}, 0),
    ],
)
def test_unknown_is_not_nothing(report, fields, unknown):
    bare = USED._replace(tokens_in=None, tokens_out=None, tokens_cached_read=None, cost=None, **fields)
    line = total(report(bare))
    assert (line.tokens_in, line.tokens_out, line.cost) == (None, None, None)
    assert (line.tokens_unknown, line.cost_unknown) == (unknown, unknown)


def test_a_sum_with_an_unknown_part(report):
    line = total(report(USED, USED._replace(cost=0.25), USED._replace(cost=None)))
    assert (line.cost, line.cost_unknown, line.tokens_in, line.tokens_unknown) == (0.75, 1, 30, 0)


def test_percentiles(report):
    rows = [USED._replace(duration_ms=float(n)) for n in range(1, 101)]
    line = total(report(*rows[::-1], REFUSED, USED._replace(aborted=True, duration_ms=9e9)))
    assert (line.p50_ms, line.p95_ms, line.p99_ms) == (50.0, 95.0, 99.0)


def test_percentiles_of_a_group_alone(report):
    reports = report(USED, USED._replace(user="bob", duration_ms=7.0), REFUSED)
    found = {line.name: line.p99_ms for line in reports.lines("user", EVER)}
    assert found == {"alice": 50.0, "bob": 7.0, "": None}


def test_no_ledger(tmp_path):
    with pytest.raises(LedgerError, match=r"no ledger at .* yet"):
        SqliteReports(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_reading_while_it_is_written(report, tmp_path):
    reports = report(USED)
    ledger = SqliteLedger(reports.path)
    ledger.write([USED])
    assert total(reports).requests == 2
    ledger.write([USED])
    assert total(reports).requests == 3
    ledger.close()


def test_reading_changes_nothing(report):
    reports = report(USED)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reports._connection.execute("DELETE FROM requests")


@pytest.mark.parametrize(("version", "word"), [(len(MIGRATIONS) + 1, "newer"), (0, "older")])
def test_another_version(report, version, word):
    reports = report(USED)
    connection = sqlite3.connect(reports.path)
    connection.execute(f"PRAGMA user_version={version}")
    connection.close()
    with pytest.raises(LedgerError, match=word):
        SqliteReports(reports.path)


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "l").write_bytes(b"x" * 5000)
    with pytest.raises(LedgerError, match="not a database"):
        SqliteReports(tmp_path / "l")

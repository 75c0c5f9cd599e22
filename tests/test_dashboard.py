"""What the dashboard shows of a ledger."""

from __future__ import annotations

import json

import pytest

from mitmvault.core.records.record import Record
from mitmvault.home import dashboard
from mitmvault.home.dashboard import RANGES, TAIL, Dashboard
from mitmvault.home.ledger import LedgerError
from tests import busy_ledger

NOW = 1_800_000_123.0
ALL = {"user": None, "provider": None, "model": None}


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def shown():
    return Dashboard(Clock())


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "ledger.sqlite3"
    busy_ledger.write(made, busy_ledger.week(NOW, 2.0, 100))
    return made


@pytest.mark.parametrize("name", RANGES)
def test_summary(shown, path, name):
    found = shown.summary(path, name, ALL)
    seconds, step = RANGES[name]
    assert len(found["series"]) * step == seconds == found["until"] - found["since"]
    assert found["since"] % step == 0 and NOW - seconds < found["since"] and NOW < found["until"] <= NOW + step
    assert sum(line["requests"] for line in found["series"]) == found["total"]["requests"]
    assert set(found["by"]) == {"user", "provider", "model"}
    json.dumps(found)


def test_a_moment_without_a_request_is_there(shown, tmp_path):
    path = tmp_path / "ledger.sqlite3"
    busy_ledger.write(path, [Record(NOW - 1, status=200, way="listener")])
    series = shown.summary(path, "1h", ALL)["series"]
    assert [line["requests"] for line in series] == [0] * 59 + [1] and series[0]["p50_ms"] is None


def test_filters(shown, path):
    every = shown.summary(path, "7d", ALL)
    for by in ("user", "provider", "model"):
        line = next(line for line in every["by"][by] if line["name"])
        found = shown.summary(path, "7d", ALL | {by: line["name"]})
        assert found["total"]["requests"] == line["requests"] and [other["name"] for other in found["by"][by]] == [
            line["name"]
        ]


def test_an_answer_is_kept_for_a_moment(shown, path):
    first = shown.summary(path, "1h", ALL)
    assert shown.summary(path, "1h", ALL) is first and shown.summary(path, "1h", ALL | {"user": "bob"}) is not first
    shown._clock.now += dashboard.KEPT
    assert shown.summary(path, "1h", ALL) is not first
    shown._clock.now -= 1e6  # a clock that is set back
    assert shown.summary(path, "1h", ALL)["until"] < NOW - 9e5


def test_tail(shown, path):
    rows = shown.tail(path, 0, ALL)
    assert len(rows) == TAIL and [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    assert all(row["story"] and isinstance(row["aborted"], bool) for row in rows)
    assert [row["id"] for row in shown.tail(path, rows[3]["id"], ALL)] == [row["id"] for row in rows[:3]]
    assert {row["user"] for row in shown.tail(path, 0, ALL | {"user": "bob"})} == {"bob"}


def test_told(shown, path):
    row = shown.tail(path, 0, ALL)[0]
    found = shown.told(path, row["flow"])
    assert found and found.started == row["started"] and shown.told(path, "x") is None


def test_no_ledger(shown, tmp_path):
    for ask in (lambda: shown.summary(tmp_path / "x", "1h", ALL), lambda: shown.tail(tmp_path / "x", 0, ALL)):
        with pytest.raises(LedgerError, match="no ledger"):
            ask()

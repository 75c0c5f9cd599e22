"""The sums from all sides at once are those of the reports, one by one."""

from __future__ import annotations

import pytest

from mitmvault.core.records.record import INQUIRY, Record
from mitmvault.home import usage_cube
from mitmvault.home.ledger import Filter, LedgerError
from mitmvault.home.usage_report import SqliteReports
from tests import busy_ledger

NOW = 1_800_000_000.0
WEEK = Filter(NOW - 7 * 86_400, NOW)
STEP = 7200.0


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite3"
    busy_ledger.write(
        path, [*busy_ledger.week(NOW, 8.0, 200), Record(NOW - 5, "eve", way=INQUIRY, provider="groq", status=200)]
    )
    return path


@pytest.fixture
def reports(path):
    made = SqliteReports(path)
    yield made
    made.close()


def rounded(line):
    return line if line.cost is None else type(line)(**{**line.__dict__, "cost": round(line.cost, 9)})


@pytest.mark.parametrize("of", [WEEK, Filter(0, 1), Filter(WEEK.since, NOW, "alice"), Filter(0, NOW, None, "mine"),
                                Filter(0, NOW, "bob", "groq", "groq/llama-3.3-70b-versatile")])  # fmt: skip
def test_as_one_by_one(reports, of):
    cube = usage_cube.cube(reports, of, STEP)
    assert rounded(cube.total) == rounded(reports.lines(None, of)[0])
    for by, lines in cube.by.items():
        assert [rounded(line) for line in lines] == [rounded(line) for line in reports.lines(by, of)]
    assert set(cube.by) == {"user", "provider", "model"}
    for number, line in cube.moments.items():
        since = of.since + number * STEP
        part = Filter(since, min(since + STEP, of.until), of.user, of.provider, of.model)
        assert rounded(reports.lines(None, part)[0]) == rounded(line).__class__(
            **{**rounded(line).__dict__, "name": ""}
        )
    assert sum(line.requests for line in cube.moments.values()) == cube.total.requests


def test_there_is_something_in_it(reports):
    cube = usage_cube.cube(reports, WEEK, STEP)
    assert cube.total.requests > 1000 and cube.total.errors and cube.total.aborted and cube.total.cost_unknown
    assert len(cube.moments) > 50 and "" in {line.name for line in cube.by["user"]}


def test_too_long(path):
    reports = SqliteReports(path, longest=-1.0)
    with pytest.raises(LedgerError, match="too long"):
        usage_cube.cube(reports, WEEK, STEP)
    reports.close()

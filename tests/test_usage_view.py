"""The table in a terminal, whatever its width, and the days as little bars."""

from __future__ import annotations

import re
from datetime import datetime

import pytest

from mitmvault.cli.usage_view import draw, known
from mitmvault.home.ledger import Filter, Line


def line(name: str = "alice", **fields) -> Line:
    values = dict.fromkeys(Line.__dataclass_fields__, 0) | {
        "name": name,
        "p50_ms": 1.0,
        "p95_ms": 5300.0,
        "p99_ms": None,
    }
    return Line(**(values | {"tokens_cached_read": None, "tokens_cached_write": None} | fields))


def at(day: int) -> float:
    return datetime(2026, 11, day, 12).timestamp()


@pytest.fixture
def shown(capsys, monkeypatch):
    """What is drawn, without colours."""

    def show(lines, daily=(), width: int = 120, since: float = at(1), until: float = at(5)) -> str:
        monkeypatch.setenv("COLUMNS", str(width))
        draw("user", lines, line("total", requests=sum(found.requests for found in lines)), daily, Filter(since, until))
        return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)

    return show


@pytest.mark.parametrize(
    ("value", "unknown", "text"),
    [(None, 0, "<0>"), (None, 1, "?"), (5, 0, "<5>"), (5, 2, "<5> + ?"), (0, 1, "<0> + ?")],
)
def test_what_is_known(value, unknown, text):
    assert known(value, unknown, "<{}>".format) == text


def test_a_wide_terminal(shown):
    text = shown([line(requests=12, errors=3, aborted=1, tokens_in=4_258_111, tokens_cached_read=5, cost=1.5)])
    words = {row.split()[0]: row.split()[1:] for row in text.splitlines() if row.split()}
    assert words["user"] == ["requests", "errors", "aborted", "in", "out", "cached", "cost", "$", "p50", "p95", "p99"]
    assert words["alice"] == ["12", "3", "1", "4.26M", "0", "5", "1.5000", "1", "ms", "5.3", "s", "-"]


@pytest.mark.parametrize("width", [80, 100, 200])
def test_it_fits(shown, width):
    many = line("x" * 300, requests=9999, tokens_in=9_999_999_999, tokens_unknown=1, cost=12345.6, cost_unknown=1)
    text = shown([many], width=width)
    assert max(map(len, text.splitlines())) <= width and "10.0G + ?" in text and "12345.60 + ?" in text
    assert text.count("x") == 300 and ("aborted" in text) is (width >= 100)


def test_the_days(shown):
    daily = [line("2026-11-02", requests=1, cost=0.5), line("2026-11-04", requests=8, cost=None)]
    text = shown([line()], daily)
    assert "requests ▁ █  at most 8 a day" in text and "cost $ █    at most 0.5000 a day" in text
    assert "2026-11-02 … 2026-11-05" in text and "tokens" not in text


def test_no_days(shown):
    assert "no requests in this time" in shown([])


def test_names_are_text(shown):
    text = shown([line("[red]x[/red]\x1b[31m\n"), line("")])
    assert "[red]x[/red]?[31m?" in text and re.search(r"^ ?- ", text, re.M)

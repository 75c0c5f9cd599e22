"""Points in time as people write them."""

from __future__ import annotations

import time
from datetime import datetime

import click
import pytest

from mitmvault.cli.period import Moment, days


@pytest.fixture(autouse=True)
def zone(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Paris")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("24h", 86400), ("7d", 604800), (" 2W ", 1209600), ("0d", 0)]
)
def test_a_while_ago(text, seconds, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_000_000_000.0)
    assert Moment().convert(text, None, None) == 1_000_000_000.0 - seconds


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01", "2026-11-01T00:00:00+01:00"),
        ("2026-07-01", "2026-07-01T00:00:00+02:00"),
        ("2026-11-01T12:30", "2026-11-01T12:30:00+01:00"),
        ("2026-11-01 12:30", "2026-11-01T12:30:00+01:00"),
        ("2026-11-01t12:30z", "2026-11-01T12:30:00+00:00"),
    ],
)
def test_a_day_or_a_moment(text, moment):
    assert Moment().convert(text, None, None) == datetime.fromisoformat(moment).timestamp()


@pytest.mark.parametrize("text", ["", "yesterday", "7", "7y", "-7d", "2026-13-01", "٧d", "9999999d"])
def test_what_is_neither(text):
    with pytest.raises(click.BadParameter, match="24h or 7d"):
        Moment().convert(text, None, None)


def test_what_was_read_already():
    assert Moment().convert(5.0, None, None) == 5.0


def test_days_are_local_and_without_gaps():
    def at(text):
        return datetime.fromisoformat(text).timestamp()

    assert days(at("2026-10-24T23:30"), at("2026-10-27T00:00")) == ["2026-10-24", "2026-10-25", "2026-10-26"]
    assert days(at("2026-10-24"), at("2026-10-24")) == ["2026-10-24"]

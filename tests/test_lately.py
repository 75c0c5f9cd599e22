"""The last minute, and the last errors."""

from __future__ import annotations

import pytest

from mitmvault.core.records.lately import ERRORS, Lately, is_error, worked
from mitmvault.core.records.record import Record

USED = Record(1.0, "alice", method="POST", provider="groq", model_asked="a", model_sent="groq/a", status=200,
              bytes_in=7, bytes_out=8, tokens_in=10, tokens_out=5, cost=0.5)  # fmt: skip
UNKNOWN = USED._replace(tokens_in=None, tokens_out=None, cost=None)
REFUSED = Record(1.0, "bob", method="POST", status=401, reason="missing_token", flow="f-1")


def minute(*told: tuple[Record, float], now: float) -> dict:
    lately = Lately()
    for record, at in told:
        lately.ended(record, at)
    return lately.minute(now)


def test_nothing():
    sums = Lately().minute(100.0)
    assert (sums["requests"], sums["tokens_in"], sums["cost"]) == (0, None, None) and Lately().errors() == []


def test_sums():
    assert minute((USED, 100.2), (USED, 100.9), (UNKNOWN, 130.0), (REFUSED, 131.0), now=131.5) == {
        "requests": 4, "errors": 1, "aborted": 0, "tokens_unknown": 1, "cost_unknown": 1, "bytes_in": 21,
        "bytes_out": 24, "tokens_in": 20, "tokens_out": 10, "cost": 1.0,
    }  # fmt: skip


def test_what_is_older_than_a_minute_does_not_count():
    sums = minute((USED, 100.0), (UNKNOWN._replace(aborted=True), 130.0), now=161.0)
    assert (sums["requests"], sums["aborted"], sums["tokens_in"], sums["cost"]) == (1, 1, None, None)
    assert sums["tokens_unknown"] == 1


def test_a_clock_that_is_set_back():
    assert minute((USED, 1000.0), (USED, 100.0), now=100.5)["requests"] == 1


def test_of_a_fixed_size():
    lately = Lately()
    for second in range(1000):
        lately.ended(REFUSED._replace(flow=str(second)), float(second))
    assert lately.minute(999.5)["requests"] == 60 and len(lately._seconds) <= 61
    assert [error["flow"] for error in lately.errors()] == [str(999 - n) for n in range(ERRORS)]


def test_an_error():
    lately = Lately()
    lately.ended(USED._replace(status=429), 5.0)
    assert lately.errors() == [
        {"at": 5.0, "user": "alice", "provider": "groq", "model": "groq/a", "status": 429, "reason": None, "flow": None}
    ]


@pytest.mark.parametrize(
    ("record", "error"),
    [(USED, False), (REFUSED, True), (USED._replace(status=None), False), (USED._replace(status=500), True),
     (USED._replace(status=None, reason="upstream_failed"), True)],
)  # fmt: skip
def test_errors(record, error):
    assert is_error(record) is error


@pytest.mark.parametrize(
    ("record", "did"),
    [(USED, True), (REFUSED, False), (USED._replace(status=429), False), (USED._replace(method="GET"), False),
     (USED._replace(method="GET", status=101), True), (USED._replace(status=None), True)],
)  # fmt: skip
def test_what_a_provider_worked_on(record, did):
    assert worked(record) is did

"""So many requests in so long, by caller."""

from __future__ import annotations

import pytest

from mitmvault.core.configuration import rate_limit
from mitmvault.core.configuration.rate_limit import Rate, RateLimit, rate

TWO = Rate(2, 60)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10/60s", Rate(10, 60)),
        ("1/s", Rate(1, 1)),
        ("100 / m", Rate(100, 60)),
        ("5/2h", Rate(5, 7200)),
        *[(text, None) for text in ("", "10", "0/s", "10/0s", "10/60", "-1/s", "1.5/s", "10/d", "1/s1", "10/60s\n")],
    ],
)
def test_rate(text: str, found: Rate | None) -> None:
    assert rate(text) == found


def test_one_too_many_waits_until_the_first_is_old_enough() -> None:
    limit = RateLimit()
    assert [limit.wait(TWO, "a", now) for now in (0, 10, 20, 59.5, 60, 61)] == [0, 0, 40, 1, 0, 9]


def test_callers_do_not_share() -> None:
    limit = RateLimit()
    assert [limit.wait(TWO, caller, 0) for caller in "aabbab"] == [0, 0, 0, 0, 60, 60]


def test_a_changed_rate_begins_anew() -> None:
    limit = RateLimit()
    assert [limit.wait(TWO, "a", 0) for _ in range(3)] == [0, 0, 60]
    assert limit.wait(Rate(3, 60), "a", 1) == 0


def test_the_oldest_callers_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "MAX_CALLERS", 2)
    limit = RateLimit()
    assert [limit.wait(Rate(1, 60), caller, 0) for caller in "abacab"] == [0, 0, 60, 0, 60, 0]

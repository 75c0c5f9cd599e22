"""Failures and the wait after too many, with a clock of the test's own."""

from __future__ import annotations

from mitmvault.core.configuration.throttle import Throttle


def test_the_first_failures_cost_nothing():
    throttle = Throttle(3, 60)
    for now in (0, 1, 2):
        assert throttle.wait(now) == 0
        throttle.failed(now)
    assert throttle.wait(2) == 58


def test_a_failure_is_forgotten_after_its_time_and_the_next_one_counts():
    throttle = Throttle(2, 60)
    throttle.failed(0)
    throttle.failed(30)
    assert [throttle.wait(now) for now in (30, 59.5, 60, 61)] == [30, 1, 0, 0]
    throttle.failed(61)
    assert [throttle.wait(now) for now in (61, 90, 200)] == [29, 0, 0]

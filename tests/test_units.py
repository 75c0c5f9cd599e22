"""Numbers at a glance."""

from __future__ import annotations

import pytest

from mitmvault.core.formats import units


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (9999, "9999"), (10_000, "10.0k"), (12_345, "12.3k"), (999_400, "999k"), (999_600, "1.00M"),
     (4_258_111, "4.26M"), (1_070_000_000, "1.07G"), (5 * 10**12, "5000G")],
)  # fmt: skip
def test_count(value, shown):
    assert units.count(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0.0000"),
        (0.00041, "0.0004"),
        (0.0000213, "0.000021"),
        (1e-9, "0.000001"),
        (9.5, "9.5000"),
        (22.4945, "22.49"),
        (1234.567, "1234.57"),
    ],
)
def test_dollars(value, shown):
    assert units.dollars(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 ms"), (7.4, "7 ms"), (999.4, "999 ms"), (999.6, "1.0 s"), (5_300, "5.3 s"), (59_940, "59.9 s"),
     (59_960, "1m 0s"), (130_000, "2m 10s"), (3_599_600, "1h 0m"), (11_520_000, "3h 12m"), (442_800_000, "5d 3h")],
)  # fmt: skip
def test_duration(value, shown):
    assert units.duration(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (12_345, "12.3 kB"), (999_600, "1.00 MB"), (4 * 10**12, "4000 GB")],
)
def test_size(value, shown):
    assert units.size(value) == shown

"""Numbers as little bars."""

from __future__ import annotations

import pytest

from mitmvault.core.formats.spark import spark


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([], ""),
        ([0, 0], "  "),
        ([5], "█"),
        ([1, 0, 8], "▁ █"),
        ([0.0001, 1000.0], "▁█"),
        (range(9), " ▁▂▃▄▅▆▇█"),
    ],
)
def test_spark(values, shown):
    assert spark(values) == shown

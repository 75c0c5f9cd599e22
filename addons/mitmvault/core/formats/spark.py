"""Numbers as a line of little bars: ▁▂▃▅█."""

from __future__ import annotations

import math
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def spark(values: Sequence[float]) -> str:
    """One character per value, the highest the full bar; a blank is 0, so that the smallest bar is something."""
    top = max(values, default=0)
    return "".join(BARS[math.ceil(8 * value / top) - 1] if value > 0 else " " for value in values)

"""How many failures there may be in a while before everybody has to wait.

Rules: 1. Time is passed in: seconds of any clock that only goes forward.
       2. A failure counts until it is older than the period; what is refused while waiting does not count again.
"""

from __future__ import annotations

import math
from collections import deque


class Throttle:
    """At most `limit` failures in any `seconds`."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._failures: deque[float] = deque(maxlen=limit)
        self._limit, self._seconds = limit, seconds

    def wait(self, now: float) -> int:
        """Whole seconds until another try is heard; 0 when it is heard now."""
        if len(self._failures) < self._limit:
            return 0
        return max(0, math.ceil(self._failures[0] + self._seconds - now))

    def failed(self, now: float) -> None:
        """Count a failure."""
        self._failures.append(now)

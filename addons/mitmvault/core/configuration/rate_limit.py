"""How many requests a caller may send in a while. (reference system 003: 10 per 60 s, by address and path)

Rules: 1. Time is passed in: seconds of any clock that only goes forward.
       2. The oldest callers are forgotten first, so that memory has a bound: `MAX_CALLERS`.
       3. What is refused does not count: whoever waits as long as told is heard.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass

from mitmvault.core.configuration.throttle import Throttle

MAX_CALLERS = 10_000
_RATE = re.compile(r"([1-9][0-9]{0,5})\s*/\s*([1-9][0-9]{0,4})?\s*(s|m|h)\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class Rate:
    """At most `requests` in any `seconds`."""

    requests: int
    seconds: int


def rate(text: str) -> Rate | None:
    """`10/60s`, `100/m`, `1000/h`; None for anything else."""
    match = _RATE.match(text)
    return Rate(int(match[1]), int(match[2] or 1) * _SECONDS[match[3]]) if match else None


class RateLimit:
    """Who sent how many requests lately. Not thread-safe: the event loop is the only caller."""

    def __init__(self) -> None:
        self._rate: Rate | None = None
        self._callers: OrderedDict[str, Throttle] = OrderedDict()

    def wait(self, allowed: Rate, caller: str, now: float) -> int:
        """Count a request of this caller: 0, or the whole seconds to wait because it is one too many."""
        if allowed != self._rate:  # the setting has changed: everybody begins anew
            self._rate = allowed
            self._callers.clear()
        throttle = self._callers.setdefault(caller, Throttle(allowed.requests, allowed.seconds))
        self._callers.move_to_end(caller)
        if len(self._callers) > MAX_CALLERS:
            self._callers.popitem(last=False)
        wait = throttle.wait(now)
        if not wait:
            throttle.failed(now)
        return wait

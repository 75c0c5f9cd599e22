"""What happened lately: sums of the last minute, and the last errors. Of a fixed size, whatever comes.

Rules: 1. Times are passed in: seconds since 1970. A clock that is set back empties the minute, nothing else.
       2. Unknown is not 0: what a sum leaves out is counted beside it, as in the ledger's reports.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from mitmvault.core.records.record import Record

SECONDS = 60
ERRORS = 20
_COUNTS = ("requests", "errors", "aborted", "tokens_unknown", "cost_unknown", "bytes_in", "bytes_out")
_SUMS = ("tokens_in", "tokens_out", "cost")  # None: not known of any


class Lately:
    """Requests that have ended."""

    def __init__(self) -> None:
        self._seconds: deque[dict[str, Any]] = deque(maxlen=SECONDS + 1)
        self._errors: deque[dict[str, Any]] = deque(maxlen=ERRORS)

    def ended(self, told: Record, now: float) -> None:
        """Count a request that has ended."""
        second = int(now)
        if not self._seconds or self._seconds[-1]["second"] != second:
            self._seconds.append({"second": second} | _nothing())
        sums, failed, unknown = self._seconds[-1], is_error(told), worked(told)
        sums["requests"] += 1
        sums["errors"] += failed
        sums["aborted"] += told.aborted
        sums["tokens_unknown"] += unknown and told.tokens_in is None and told.tokens_out is None
        sums["cost_unknown"] += unknown and told.cost is None
        sums["bytes_in"] += told.bytes_in
        sums["bytes_out"] += told.bytes_out
        _add(sums, {name: getattr(told, name) for name in _SUMS})
        if failed:
            self._errors.append(
                {"at": now, "user": told.user, "provider": told.provider, "model": told.model_sent or told.model_asked}
                | {"status": told.status, "reason": told.reason, "flow": told.flow}
            )

    def minute(self, now: float) -> dict[str, Any]:
        """The sums of the last minute."""
        total = _nothing()
        for sums in self._seconds:
            if now - SECONDS < sums["second"] <= now:
                for name in _COUNTS:
                    total[name] += sums[name]
                _add(total, sums)
        return total

    def errors(self) -> list[dict[str, Any]]:
        """The last errors, the newest first."""
        return list(reversed(self._errors))


def is_error(told: Record) -> bool:
    """Was it answered with an error, or refused, or not at all?"""
    return told.reason is not None or (told.status or 0) >= 400


def worked(told: Record) -> bool:
    """Has a provider worked on it, so that it has a count of tokens and a price, known or not?"""
    if told.provider is None or (told.status or 200) >= 400:
        return False
    return told.status == 101 or told.method not in ("GET", "HEAD", "OPTIONS", "DELETE")


def _nothing() -> dict[str, Any]:
    return dict.fromkeys(_COUNTS, 0) | dict.fromkeys(_SUMS)


def _add(sums: dict[str, Any], more: dict[str, Any]) -> None:
    for name in _SUMS:
        if more[name] is not None:
            sums[name] = (sums[name] or 0) + more[name]

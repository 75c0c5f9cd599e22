"""The running sums of what is measured: one pass over each finished request. (The names: core/records/measures.py)

Rules: 1. No more than MAX_PROVIDERS providers have series of their own; a modest number, whatever a vault goes through.
       2. What is not known is not added: an unknown price is counted as unknown, never as 0.
       3. What mitmvault asks providers itself is counted apart, as no report of the ledger counts it.

Not thread-safe: the event loop adds and reads. Adding is a few dictionary operations, on the way of every request.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from mitmvault.core.records.measures import HISTOGRAM, MEASURES
from mitmvault.core.records.record import INQUIRY, Record

MAX_PROVIDERS = 200
NOBODY, OTHER = "none", "other"  # in place of a provider: nothing was permitted; one too many
Labels = tuple[str, ...]
_COUNTED = (
    ("input", "tokens_in"),
    ("output", "tokens_out"),
    ("cached_read", "tokens_cached_read"),
    ("cached_write", "tokens_cached_write"),
    ("reasoning", "tokens_reasoning"),
)


class Spread:
    """A histogram: how many values fell into each bucket (the last is infinity's), and their sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count a value; a bucket's upper end belongs to it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """Each bucket's upper end, and how many values are not above it."""
        total = 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            total += count
            yield bound, total


class Tally:
    """Everything that was counted since the start."""

    def __init__(self) -> None:
        self.sums: dict[str, dict[Labels, float]] = {n: {} for n, row in MEASURES.items() if row.kind != HISTOGRAM}
        self.spreads: dict[str, dict[Labels, Spread]] = {n: {} for n, row in MEASURES.items() if row.kind == HISTOGRAM}
        self._providers: set[str] = set()

    def count(self, row: Record) -> None:
        """Add a request that has come to its end."""
        provider, came = self._provider(row.provider), outcome(row)
        if row.way == INQUIRY:
            self._add("mitmvault_inquiries_total", (provider, came))
            return
        self._add("mitmvault_requests_total", (provider, row.mode or NOBODY, came))
        if row.reason:
            self._add("mitmvault_refusals_total", (row.reason,))
        if row.provider is None:
            return
        mine = (provider,)
        self._add("mitmvault_attempts_total", mine, row.attempts)
        self._add("mitmvault_request_bytes_total", mine, row.bytes_in)
        self._add("mitmvault_response_bytes_total", mine, row.bytes_out)
        self._spread("mitmvault_request_duration_seconds", mine, row.duration_ms / 1000)
        if row.overhead_ms is not None:
            self._spread("mitmvault_overhead_seconds", mine, row.overhead_ms / 1000)
        if row.first_byte_ms is not None:
            self._spread("mitmvault_time_to_first_byte_seconds", mine, row.first_byte_ms / 1000)
        self._count_tokens(row, provider, came == "2xx" and row.method == "POST")

    def _count_tokens(self, row: Record, provider: str, worked: bool) -> None:
        for kind, column in _COUNTED:
            if (number := getattr(row, column)) is not None:
                self._add("mitmvault_tokens_total", (provider, kind), number)
        if row.cost is not None:
            self._add("mitmvault_cost_dollars_total", (provider,), row.cost)
        elif worked:
            self._add("mitmvault_uncounted_requests_total", (provider, "cost"))
        if worked and row.tokens_in is None and row.tokens_out is None:
            self._add("mitmvault_uncounted_requests_total", (provider, "tokens"))

    def _provider(self, name: str | None) -> str:
        if name is None:
            return NOBODY
        if name not in self._providers:
            if len(self._providers) >= MAX_PROVIDERS:
                return OTHER
            self._providers.add(name)
        return name

    def _add(self, name: str, labels: Labels, number: float = 1) -> None:
        series = self.sums[name]
        series[labels] = series.get(labels, 0) + number

    def _spread(self, name: str, labels: Labels, value: float) -> None:
        series = self.spreads[name]
        if (found := series.get(labels)) is None:
            found = series[labels] = Spread(MEASURES[name].bounds)
        found.add(value)


def outcome(row: Record) -> str:
    """What came of a request, in one of a few words.

    `aborted`: the client left, or mitmvault was stopped. `refused`: nothing was permitted. `failed`: there was no whole
    answer. Else the class of the provider's status, such as `2xx`.
    """
    if row.aborted:
        return "aborted"
    if row.provider is None:
        return "refused"
    if row.reason or row.status is None:
        return "failed"
    return f"{row.status // 100}xx" if 100 <= row.status < 600 else OTHER

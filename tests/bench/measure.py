"""Rounds of measurements, and what they say when they are set side by side.

Rules: 1. Every round measures every proxy once, one after the other, in an order that moves on with each round: what the
          rest of the machine does meanwhile meets all of them.
       2. Compared are CPU seconds of the proxy process, of one round: a ratio for each. Reported are their median and the
          middle half of them. Wall time is reported too, and is worth less on a machine that does other things.
       3. What a proxy does after the last answer, such as writing the ledger, counts: it is waited for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from tests.bench.subjects import Subject

SETTLE = 0.6  # seconds; the ledger is written every quarter of one


@dataclass(frozen=True)
class Sample:
    """What one proxy needed for one unit (a request, or a chunk), in one round: microseconds."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Ratio:
    """How many times as much the one needs as the other: the median of the rounds, and the middle half."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, these: Sequence[float], those: Sequence[float]) -> Ratio:
        """The ratios of pairs."""
        found = [this / that for this, that in zip(these, those, strict=True)]
        low, _, high = quantiles(found, n=4, method="inclusive") if len(found) > 1 else found * 3
        return cls(median(found), low, high)


Work = Callable[[Subject, int], Awaitable[None]]  # so many units


async def sample(subject: Subject, work: Work, units: int) -> Sample:
    """Let a proxy do this work."""
    cpu, wall = subject.cpu(), time.perf_counter()
    await work(subject, units)
    took = time.perf_counter() - wall
    await asyncio.sleep(SETTLE)
    return Sample((subject.cpu() - cpu) / units * 1e6, took / units * 1e6)


async def rounds(
    subjects: Sequence[Subject], work: Work, units: int, count: int, until: float, tell: Callable[[int], None]
) -> dict[str, list[Sample]]:
    """`count` rounds, or as many as begin before `until` (of the monotonic clock), but one at least."""
    found: dict[str, list[Sample]] = {subject.name: [] for subject in subjects}
    for subject in subjects:
        await work(subject, max(1, units // 10))  # imports, caches, the first connection
    for number in range(count):
        if number and time.monotonic() > until:
            break
        turn = number % len(subjects)
        for subject in (*subjects[turn:], *subjects[:turn]):
            found[subject.name].append(await sample(subject, work, units))
        tell(number + 1)
    return found


def compared(samples: Mapping[str, Sequence[Sample]], one: str, other: str) -> Ratio:
    """The CPU time of the one in terms of the other."""
    return Ratio.of([s.cpu for s in samples[one]], [s.cpu for s in samples[other]])

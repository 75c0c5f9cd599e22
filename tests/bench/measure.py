"""Rounds of measurements, and what they say when they are set side by side.

Rules: 1. A round is short, and there are many. Each has every proxy do the same, one after the other, in an order that
          moves on with each round: what the rest of the machine does meanwhile meets all of them.
       2. Compared are CPU seconds of the proxy process, of one round: a ratio for each. Reported is their median, and where
          it lies with 95 % confidence. Wall time is reported too, and is worth less on a machine that does other things.
       3. What a proxy does after the last answer, such as writing the ledger, counts: its round lasts until its next turn.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from tests.bench.subjects import Subject

SETTLE = 0.6  # seconds after the last turn; the ledger is written every quarter of one


@dataclass(frozen=True)
class Sample:
    """What one proxy needed for one unit (a request, or a chunk), in one round: microseconds."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Ratio:
    """How many times as much the one needs as the other: the median of the rounds, and between what it lies."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, these: Sequence[float], those: Sequence[float]) -> Ratio:
        """The ratios of pairs; `low` and `high` by order statistics, 95 %."""
        found = sorted(this / that for this, that in zip(these, those, strict=True))
        away = 0.98 * math.sqrt(len(found))  # of the middle, in places
        first, last = math.floor(len(found) / 2 - away), math.ceil(len(found) / 2 + away)
        return cls(median(found), found[max(0, first)], found[min(len(found), last) - 1])


Work = Callable[[Subject, int], Awaitable[None]]  # so many units


async def rounds(
    subjects: Sequence[Subject], work: Work, units: int, count: int, until: float, tell: Callable[[int], None]
) -> dict[str, list[Sample]]:
    """`count` rounds, or as many as begin before `until` (of the monotonic clock), but one at least."""
    turns: dict[str, list[float]] = {subject.name: [] for subject in subjects}  # CPU seconds at the beginning of each
    walls: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    for subject in subjects:
        await work(subject, units)  # imports, caches, the first connection
    await asyncio.sleep(SETTLE)
    for number in range(count):
        if number and time.monotonic() > until:
            break
        turn = number % len(subjects)
        for subject in (*subjects[turn:], *subjects[:turn]):
            turns[subject.name].append(subject.cpu())
            begun = time.perf_counter()
            await work(subject, units)
            walls[subject.name].append(time.perf_counter() - begun)
        tell(number + 1)
    await asyncio.sleep(SETTLE)
    for subject in subjects:
        turns[subject.name].append(subject.cpu())
    return {name: _samples(turns[name], walls[name], units) for name in turns}


def _samples(turns: Sequence[float], walls: Sequence[float], units: int) -> list[Sample]:
    cpus = [after - before for before, after in pairwise(turns)]
    return [Sample(cpu / units * 1e6, wall / units * 1e6) for cpu, wall in zip(cpus, walls, strict=True)]


def compared(samples: Mapping[str, Sequence[Sample]], one: str, other: str) -> Ratio:
    """The CPU time of the one in terms of the other."""
    return Ratio.of([s.cpu for s in samples[one]], [s.cpu for s in samples[other]])

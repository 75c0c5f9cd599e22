"""Which failures are worth another attempt, with which permit, and after how long a wait.

Rules: 1. Every attempt is a permit of its own, complete with target, key and body. A plan is a tuple of them, in order.
       2. What another key may cure is tried with the next one at once, as long as one is left that was not tried.
          A key that was rejected (401, 402) is not used again for the same request.
       3. The same key is tried again only where waiting helps, and after a wait: as long as the provider asks for, but
          a longer one than `LONGEST_WAIT` is for the client to wait; else a quarter of a second, doubled every time.
       4. A client's own step (`Permit.step`) has failed with any status from 400 on, as at Cloudflare's universal
          endpoint: what a next attempt cannot cure, the next step may.
       5. Everything else is the provider's answer to the client: 400, 403, 404, 422 would be the same again.

Sources: RFC 9110 sections 10.2.3 and 15.5 for Retry-After and statuses; 529 is Anthropic's "overloaded"; the header
retry-after-ms and the statuses are those that the SDKs of OpenAI and Anthropic obey.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime

from mitmvault.core.secret import Secret
from mitmvault.core.verdict import Permit

LONGEST_WAIT = 5.0  # seconds
FIRST_WAIT = 0.25  # seconds
NO_ANSWER = None  # in place of a status: not connected, or the connection was lost before a head came

REJECTED_KEY = frozenset({401, 402})
BUSY: frozenset[int | None] = frozenset({429, 500, 502, 503, 504, 529, NO_ANSWER})


@dataclass(frozen=True)
class Failure:
    """What came of an attempt: a status or NO_ANSWER, and how long the provider asks to wait (seconds)."""

    status: int | None
    wait: float | None = None

    @classmethod
    def of(cls, status: int, headers: Mapping[str, str]) -> Failure:
        """The failure that an answer's head tells of. `headers` has lower-case names, or ignores case."""
        return cls(status, asked_wait(headers))


@dataclass(frozen=True)
class Attempt:
    """An attempt that was made with the plan's permit of this index."""

    index: int
    failure: Failure


def expand(steps: tuple[Permit, ...], retry: int) -> tuple[Permit, ...]:
    """The plan for these steps: each in 1 + `retry` attempts, its keys taking turns, before the next step's."""
    return tuple(_turned(step, turn) for step in steps for turn in range(1 + retry))


def following(plan: tuple[Permit, ...], made: tuple[Attempt, ...]) -> tuple[int, float] | None:
    """The index of the next permit, and the seconds to wait for it. None: the last attempt's outcome is final."""
    last = made[-1]
    again, step = last.failure.status in REJECTED_KEY | BUSY, plan[last.index].step
    failed = again or (step is not None and last.failure.status is not None and last.failure.status >= 400)
    if not failed:
        return None
    tried = Counter(_what(plan[attempt.index]) for attempt in made)
    rejected = {_key(plan[attempt.index]) for attempt in made if attempt.failure.status in REJECTED_KEY}
    for index in range(last.index + 1, len(plan)):
        other = plan[index].step != step
        if _key(plan[index]) in rejected or not (again or other):
            continue
        times = tried[_what(plan[index])]
        if other or not times:
            return index, 0.0
        wait = _wait(last.failure, times)
        if last.failure.status in BUSY and wait <= LONGEST_WAIT:
            return index, wait
    return None


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """The seconds that an answer asks to wait: retry-after-ms, else Retry-After in seconds or as a date."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    seconds = _number(headers.get("retry-after"))
    return _until(headers.get("retry-after"), headers.get("date")) if seconds is None else seconds


def _wait(failure: Failure, times: int) -> float:
    return min(LONGEST_WAIT, FIRST_WAIT * 2 ** (times - 1)) if failure.wait is None else failure.wait


def _turned(step: Permit, turn: int) -> Permit:
    start = turn % len(step.keys) if step.keys else 0
    return replace(step, keys=step.keys[start:] + step.keys[:start])


def _key(permit: Permit) -> Hashable:
    return permit.provider, *_secrets(permit)


def _what(permit: Permit) -> Hashable:
    """What tells one attempt from another: a step of a plan may ask the same place for another model."""
    return permit.target, permit.model, *_secrets(permit)


def _secrets(permit: Permit) -> tuple[Secret, ...]:
    """The keys of an attempt: the first of the permit's, or all that stand in its body, or none."""
    return tuple(key.secret for key in permit.keys[:1]) or tuple(slot.credential.secret for slot in permit.slots)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if number >= 0 else None


def _until(then: str | None, now: str | None) -> float | None:
    """The seconds between two HTTP dates, by the provider's own clock."""
    try:
        return max(0.0, (parsedate_to_datetime(then or "") - parsedate_to_datetime(now or "")).total_seconds())
    except (ValueError, TypeError):  # no date; only one of them with a time zone
        return None

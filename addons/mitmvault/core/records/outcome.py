"""What came of a request, as steps that continue those of a decision. (core/explain.py)

Rules: 1. Names, numbers and labels, as the ledger has them. What is not known is not named.
       2. Texts are short and printable, whatever a client has made of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mitmvault.core.explain import Explanation
from mitmvault.core.formats import units
from mitmvault.core.formats.printable import printable
from mitmvault.core.records.record import Record

MAX_TEXT = 512
Told = Mapping[str, Any]  # an attempt, as a flow's metadata has it


def steps(told: Record, attempts: Iterable[Told] = ()) -> Iterator[tuple[str, str]]:
    """The attempts, if there were several, and the end."""
    for number, attempt in enumerate(attempts, 1):
        result = attempt.get("status") or attempt.get("failure") or told.status or "no answer"
        yield f"attempt {number}", f"{attempt.get('provider')}, key {attempt.get('key')}: {result}"
    yield "ended", " · ".join(_ending(told))
    counts = (("in", told.tokens_in), ("out", told.tokens_out), ("from a cache", told.tokens_cached_read))
    known = [f"{units.count(count)} {name}" for name, count in counts if count is not None]
    if known:
        price = () if told.cost is None else (f"${units.dollars(told.cost)}",)
        yield "tokens", " · ".join((", ".join(known), *price))


def whole(decision: Explanation, told: Record | None, attempts: Iterable[Told] = ()) -> dict[str, Any]:
    """A decision and what came of it, for programs and for people; None: it is still under way."""
    ended = tuple(steps(told, attempts)) if told else (("under way", "the answer has not come to its end"),)
    return {
        "reason": decision.reason,
        "steps": [[name, printable(text, MAX_TEXT)] for name, text in (*decision.steps, *ended)],
        "facts": _bounded(decision.facts),
        "record": told._asdict() if told else None,
    }


def from_ledger(told: Record) -> dict[str, Any]:
    """What is left of a request whose decision nobody remembers."""
    steps = (("story", told.story), ("decision", "not remembered any more: this is what the ledger has"))
    return {"flow": told.flow} | whole(Explanation(steps, told.reason), told)


def _ending(told: Record) -> Iterator[str]:
    if told.status is not None:
        yield f"{told.status} to the client"
    elif not told.aborted:
        yield "no answer"
    if told.reason:
        yield told.reason
    if told.aborted:
        yield "cut off before its end"
    if told.first_byte_ms is not None:
        yield f"first byte after {units.duration(told.first_byte_ms)}"
    yield f"{units.duration(told.duration_ms)} in all"
    yield f"{units.count(told.bytes_in)} bytes in, {units.count(told.bytes_out)} out"


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value, MAX_TEXT)
    if isinstance(value, dict):
        return {str(name): _bounded(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_bounded(part) for part in value[:64]]
    return value

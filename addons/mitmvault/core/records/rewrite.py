"""A request before and after: what the client sent, what left for the provider, side by side, as plain text.

Rules: 1. Both sides are what observers may see: the caller has put placeholders where credentials were and will be.
       2. Each row says what became of it: `~` changed, `-` removed, `+` added, nothing if it is as it was.
       3. No row is wider than two columns; long values go on in the next line, and very long ones are cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from mitmvault.core.formats.printable import printable

COLUMN = 46  # characters: two fit into half a window of mitmweb
LONGEST = 400  # characters of a value that are shown
NAMES = 9  # characters for the name of a step


@dataclass(frozen=True)
class Side:
    """A request as one side saw it: the request line, the headers in order, the model in the body."""

    line: str
    headers: tuple[tuple[str, str], ...]
    model: str | None = None  # where the body names it


def page(story: str, steps: Iterable[tuple[str, str]], before: Side | None, after: Side | None) -> str:
    """The whole text. `steps` are those of the decision and of what came of it (core/explain.py, outcome.py)."""
    lines = [printable(story, LONGEST), ""] if story else []
    for name, text in steps:
        lines += _labelled(name, text)
    if before:
        lines += ["", *_columns("  ", "BEFORE  as the client sent it", "AFTER  as it left" if after else "")]
        lines += _columns("  ", "─" * COLUMN, "─" * COLUMN if after else "")
        for mark, left, right in compared(before, after or before):
            lines += _columns(f"{mark} ", left, right if after else "")
    return "\n".join(lines) + "\n"


def compared(before: Side, after: Side) -> Iterator[tuple[str, str, str]]:
    """The rows, as (mark, before, after): headers in the client's order, then those that are new."""
    yield _row(before.line, after.line)
    left: dict[str, list[str]] = {}
    for name, value in after.headers:
        left.setdefault(name.lower(), []).append(f"{name}: {value}")
    for name, value in before.headers:
        values = left.get(name.lower())
        yield _row(f"{name}: {value}", values.pop(0) if values else "", name)
    for name, _ in after.headers:
        if left[name.lower()]:
            yield "+", "", left[name.lower()].pop(0)
    if before.model or after.model:
        yield _row(_model(before.model), _model(after.model))


def _model(name: str | None) -> str:
    return f'… "model": "{name}" …' if name else ""


def _row(before: str, after: str, name: str = "") -> tuple[str, str, str]:
    if before and not after:
        return "-", before, ""
    same = before == after or (name and before[len(name) :] == after[len(name) :])  # names have no case
    return " " if same else "~", before, after


def _columns(mark: str, left: str, right: str) -> Iterator[str]:
    for number, (a, b) in enumerate(zip_longest(_wrapped(left), _wrapped(right), fillvalue="")):
        yield f"{mark if number == 0 else '  '}{a:<{COLUMN}} │ {b}".rstrip(" │")


def _wrapped(text: str) -> list[str]:
    shown = printable(text, LONGEST)
    return [shown[at : at + COLUMN] for at in range(0, len(shown), COLUMN)] or [""]


def _labelled(name: str, text: str) -> Iterator[str]:
    shown, width = printable(text, LONGEST), 2 * COLUMN - NAMES
    for at in range(0, len(shown) or 1, width):
        yield f"{name if at == 0 else '':<{NAMES}} {shown[at : at + width]}".rstrip()

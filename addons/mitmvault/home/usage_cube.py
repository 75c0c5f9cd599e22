"""The sums of a time by moment, user, provider and model at once: two looks at the ledger instead of a dozen.

Rules: 1. As in home/usage_report.py: unknown is not 0, and percentiles are durations that really were.
       2. The database adds up what has moment, user, provider and model in common; the rest is added up here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mitmvault.home.ledger import Cube, Filter, Line
from mitmvault.home.sqlite_ledger import TABLE
from mitmvault.home.usage_report import ENDED, MODEL, NOTHING, SUMS, WHERE, SqliteReports

_GROUPS = (
    f"cast((started - :since) / :step AS INTEGER), coalesce(user, ''), coalesce(provider, ''), coalesce({MODEL}, '')"
)
_SUMS = f"SELECT {_GROUPS}, {SUMS} FROM {TABLE} WHERE {WHERE} GROUP BY 1, 2, 3, 4"  # noqa: S608
_DURATIONS = f"SELECT {_GROUPS}, duration_ms FROM {TABLE} WHERE {WHERE} AND {ENDED} ORDER BY duration_ms"  # noqa: S608
_NAMES = ("moment", "user", "provider", "model")
_PERCENTILES = (50, 95, 99)


@dataclass
class _Group:
    sums: list[Any] = field(default_factory=lambda: list(NOTHING[:-3]))
    durations: list[float] = field(default_factory=list)  # from the shortest to the longest

    def line(self, name: str) -> Line:
        """The sums as a line."""
        count = len(self.durations)
        ranks = ((count * percent + 99) // 100 for percent in _PERCENTILES)
        return Line(name, *self.sums, *(self.durations[rank - 1] if count else None for rank in ranks))


def cube(reports: SqliteReports, of: Filter, step: float) -> Cube:
    """Everything about these requests; moments are `step` seconds long, and counted from `of.since` on."""
    total, groups = _Group(), [dict[Any, _Group]() for _ in _NAMES]
    for *names, sums in _split(reports.rows(_SUMS, of, step=float(step))):
        for group in _every(total, groups, names):
            _add(group.sums, sums)
    for moment, user, provider, model, took in reports.rows(_DURATIONS, of, step=float(step)):
        for group in _every(total, groups, (moment, user, provider, model)):
            group.durations.append(took)
    moments, *others = groups
    return Cube(
        total.line(""),
        {moment: group.line(str(moment)) for moment, group in sorted(moments.items())},
        {name: _sorted(found) for name, found in zip(_NAMES[1:], others, strict=True)},
    )


def _split(rows: Iterable[Sequence[Any]]) -> Iterable[tuple[Any, ...]]:
    width = len(_NAMES)
    return ((*row[:width], row[width:]) for row in rows)


def _every(total: _Group, groups: Sequence[dict[Any, _Group]], names: Sequence[Any]) -> Iterable[_Group]:
    yield total
    for found, name in zip(groups, names, strict=True):
        group = found.get(name)
        if group is None:
            group = found[name] = _Group()
        yield group


def _add(sums: list[Any], more: Sequence[Any]) -> None:
    for index, value in enumerate(more):
        if value is not None:
            sums[index] = value if sums[index] is None else sums[index] + value


def _sorted(found: dict[Any, _Group]) -> list[Line]:
    lines = (group.line(str(name)) for name, group in found.items())
    return sorted(lines, key=lambda line: (-line.requests, line.name))

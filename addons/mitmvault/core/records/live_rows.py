"""What the running proxy tells of itself, as a line and tables for people. (addons/observer.py: the source)

Rules: 1. Unknown is `?`, and what there is not is `-`. Neither is shown as 0.
       2. Rates of bytes are of the time between two looks; the first look has none. Tokens are estimated: `~`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mitmvault.core.formats import units

SHOWN_ID = 8  # characters of a flow's id: enough for `mitmvault explain`
Row = tuple[str, ...]
Status = Mapping[str, Any]


def headline(status: Status) -> str:
    """One line about all of it."""
    minute, now = status["minute"], status["now"]
    parts = [
        f"mitmvault {status['version']}, up {units.duration(1000 * (now - status['started']))}",
        f"{len(status['under_way'])} under way",
        f"last minute: {_plural(minute['requests'], 'request')}, {_plural(minute['errors'], 'error')}",
        f"{_sum(minute['tokens_in'], minute['tokens_unknown'], units.count)} tokens in",
        f"{_sum(minute['tokens_out'], minute['tokens_unknown'], units.count)} out{_per_second(minute)}",
        f"$ {_sum(minute['cost'], minute['cost_unknown'], units.dollars)}",
    ]
    return " · ".join(parts)


def tables(status: Status, before: Status | None) -> Iterator[tuple[str, Row, list[Row]]]:
    """(name, columns, rows) of what is under way, of the keys and of the last errors."""
    rates = _rates(status, before)
    columns: Row = ("age", "user", "provider", "model", "key", "phase", "in", "out", "out/s", "tok/s", "flow")
    yield "under way", columns, [_under_way(row, rates) for row in status["under_way"]]
    columns = ("provider", "key", "state", "used", "last")
    yield "keys", columns, [_key(row, status["now"]) for row in status["keys"]]
    columns = ("ago", "user", "provider", "model", "what", "flow")
    yield "errors", columns, [_error(row, status["now"]) for row in status["errors"]]


def _under_way(row: Status, rates: Mapping[str, float]) -> Row:
    phase = row["phase"] + (f" ×{row['attempts']}" if row["attempts"] > 1 else "")
    rate = rates.get(row["flow"])
    return (
        units.duration(1000 * row["age"]), _word(row["user"]), _word(row["provider"]), _word(row["model"]),
        _word(row["key"]), phase, units.size(row["bytes_in"]), units.size(row["bytes_out"]),
        "-" if rate is None else units.size(round(rate)), _speed(row["tokens_per_second"]), row["flow"][:SHOWN_ID],
    )  # fmt: skip


def _speed(tokens: float | None) -> str:
    return "-" if tokens is None else f"~{tokens:.0f}"


def _key(row: Status, now: float) -> Row:
    state = row["state"]
    if row["until"]:
        state += f", {units.duration(1000 * max(0.0, row['until'] - now))} more"
    last = "-"
    if row["last"]:
        last = f"{row['status'] or 'no answer'}, {units.duration(1000 * (now - row['last']))} ago"
    return row["provider"], row["key"], state, units.count(row["used"]), last


def _error(row: Status, now: float) -> Row:
    what = " ".join(str(part) for part in (row["status"], row["reason"]) if part) or "no answer"
    ago = units.duration(1000 * max(0.0, now - row["at"]))
    return ago, _word(row["user"]), _word(row["provider"]), _word(row["model"]), what, (row["flow"] or "-")[:SHOWN_ID]


def _rates(status: Status, before: Status | None) -> dict[str, float]:
    """Bytes a second of each request that both looks know."""
    took = status["now"] - before["now"] if before else 0.0
    if before is None or took <= 0:
        return {}
    earlier = {row["flow"]: row["bytes_out"] for row in before["under_way"]}
    return {
        row["flow"]: max(0.0, (row["bytes_out"] - earlier[row["flow"]]) / took)
        for row in status["under_way"]
        if row["flow"] in earlier
    }


def _per_second(minute: Status) -> str:
    return f" ({minute['tokens_out'] / 60:.1f}/s)" if minute["tokens_out"] else ""


def _sum(value: Any, unknown: int, shown: Any) -> str:
    if value is None:
        return "?" if unknown else shown(0)
    return shown(value) + (" + ?" if unknown else "")


def _word(value: Any) -> str:
    return str(value) if value else "-"


def _plural(number: int, name: str) -> str:
    return f"{units.count(number)} {name}{'' if number == 1 else 's'}"

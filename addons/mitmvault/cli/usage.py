"""`mitmvault usage`: who spent what, from the ledger. Reads it while the proxy writes.

Rules: 1. Unknown is shown as `?`, and a sum with unknown parts as `3 + ?`. It is never shown as 0.
       2. Names come from outside: no control characters, and in CSV nothing that a spreadsheet takes for a formula.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, fields, replace

import click
import msgspec

from mitmvault.cli import table
from mitmvault.cli.options import chosen_home, common_options
from mitmvault.cli.period import Moment, days
from mitmvault.core.spark import spark
from mitmvault.home.ledger import GROUPS, Filter, Line
from mitmvault.home.usage_report import SqliteReports

COLUMNS = ("requests", "errors", "aborted", "tokens in", "tokens out", "cached", "cost", "p50", "p95", "p99")
_CHART = 90  # days
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # owasp.org/www-community/attacks/CSV_Injection


@click.command()
@click.option("--by", type=click.Choice(GROUPS), default="user", show_default=True, help="What makes a line.")
@click.option("--since", type=Moment(), default="30d", show_default=True, help="From when: 24h, 7d, 2026-11-01 …")
@click.option("--until", type=Moment(), help="Until when, this moment not included.")
@click.option("--user", metavar="NAME", help="Requests of this user alone.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--csv", "as_csv", is_flag=True, help="For spreadsheets.")
@common_options
def usage(by: str, since: float, until: float | None, user: str | None, as_json: bool, as_csv: bool) -> None:
    """Who spent what: requests, tokens, cost, durations.

    Unknown is shown as `?`: a price that is not known is not nothing. Days are local ones.

    \b
    Examples:
      mitmvault usage --since 7d
      mitmvault usage --by model --user alice
      mitmvault usage --by day --since 2026-11-01 --csv
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv are two forms; choose one")
    asked = Filter(since, time.time() + 1 if until is None else until, user)
    reports = SqliteReports(chosen_home().ledger)
    try:
        lines, total = reports.lines(by, asked), replace(reports.lines(None, asked)[0], name="total")
        daily = lines if by == "day" else reports.lines("day", asked)
    finally:
        reports.close()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(
            {"by": by, "since": asked.since, "until": asked.until, "user": user, "lines": lines, "total": total}
        )))  # fmt: skip
    elif as_csv:
        _write_csv(by, lines)
    else:
        shown = [_cells(line.name or "-", line) for line in lines]
        table.show("usage", (by, *COLUMNS), [*shown, _cells("total", total)])
        if sys.stdout.isatty():
            _draw(daily, asked)


def _cells(name: str, line: Line) -> tuple[str, ...]:
    cached = [count for count in (line.tokens_cached_read, line.tokens_cached_write) if count is not None]
    return (
        name,
        *(f"{count:d}" for count in (line.requests, line.errors, line.aborted)),
        _known(line.tokens_in, line.tokens_unknown, "d"),
        _known(line.tokens_out, line.tokens_unknown, "d"),
        f"{sum(cached)}" if cached else "-",
        _known(line.cost, line.cost_unknown, ".4f"),
        *("-" if took is None else f"{took:.0f} ms" for took in (line.p50_ms, line.p95_ms, line.p99_ms)),
    )


def _known(value: float | None, unknown: int, form: str) -> str:
    """Rule 1."""
    if value is None:
        return "?" if unknown else format(0, form)
    return format(value, form) + (" + ?" if unknown else "")


def _write_csv(by: str, lines: Sequence[Line]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([by, *[field.name for field in fields(Line)][1:]])
    for line in lines:
        _, *values = asdict(line).values()
        writer.writerow([_plain(line.name), *values])


def _plain(name: str) -> str:
    return f"'{name}" if name.startswith(_FORMULA) else name


def _draw(daily: Sequence[Line], asked: Filter) -> None:
    """The days as little bars; days without a request are blank."""
    if not daily:
        click.echo("no requests in this time")
        return
    found = {line.name: line for line in daily}
    shown = [day for day in days(asked.since, asked.until) if day >= daily[0].name][-_CHART:]
    charts: dict[str, list[float]] = {
        "requests": [found[day].requests if day in found else 0 for day in shown],
        "tokens": [_tokens(found[day]) if day in found else 0 for day in shown],
        "cost": [found[day].cost or 0.0 if day in found else 0.0 for day in shown],
    }
    for name, values in charts.items():
        if top := max(values):
            most = f"{top:.4f}" if name == "cost" else f"{top:.0f}"
            click.echo(f"{name:>8} {spark(values)} at most {most} a day")
    click.echo(f"{'':>8} {shown[0]} … {shown[-1]}")


def _tokens(line: Line) -> int:
    return (line.tokens_in or 0) + (line.tokens_out or 0)

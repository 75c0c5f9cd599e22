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

from mitmvault.cli import table, usage_view
from mitmvault.cli.options import chosen_home, common_options
from mitmvault.cli.period import Moment
from mitmvault.cli.progress import progress
from mitmvault.core.formats.units import known
from mitmvault.home.ledger import GROUPS, Filter, Line
from mitmvault.home.usage_report import SqliteReports

COLUMNS = ("requests", "errors", "aborted", "tokens in", "tokens out", "cached", "cost", "p50", "p95", "p99")
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
        with progress("Adding up …"):
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
    elif sys.stdout.isatty():
        usage_view.draw(by, lines, total, daily, asked)
    else:
        table.show(
            "usage", (by, *COLUMNS), [*(_cells(line.name or "-", line) for line in lines), _cells("total", total)]
        )


def _cells(name: str, line: Line) -> tuple[str, ...]:
    cached = [count for count in (line.tokens_cached_read, line.tokens_cached_write) if count is not None]
    return (
        name,
        *(f"{count:d}" for count in (line.requests, line.errors, line.aborted)),
        known(line.tokens_in, line.tokens_unknown, "{:d}".format),
        known(line.tokens_out, line.tokens_unknown, "{:d}".format),
        f"{sum(cached)}" if cached else "-",
        known(line.cost, line.cost_unknown, "{:.4f}".format),
        *("-" if took is None else f"{took:.0f} ms" for took in (line.p50_ms, line.p95_ms, line.p99_ms)),
    )


def _write_csv(by: str, lines: Sequence[Line]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([by, *[field.name for field in fields(Line)][1:]])
    for line in lines:
        _, *values = asdict(line).values()
        writer.writerow([_plain(line.name), *values])


def _plain(name: str) -> str:
    return f"'{name}" if name.startswith(_FORMULA) else name

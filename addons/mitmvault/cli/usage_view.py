"""What `mitmvault usage` shows in a terminal: a table that fits its width, and a line of little bars per day."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mitmvault.cli.period import days
from mitmvault.cli.table import clean_cell
from mitmvault.core.formats import units
from mitmvault.core.formats.spark import spark
from mitmvault.core.formats.units import known
from mitmvault.home.ledger import Filter, Line

_WIDE = 100  # columns of a terminal, from which on everything is shown
_CHART = 60  # days


def draw(by: str, lines: Sequence[Line], total: Line, daily: Sequence[Line], asked: Filter) -> None:
    """Print it all."""
    console = Console()
    wide = console.width >= _WIDE
    grid = Table(box=box.SIMPLE_HEAD, header_style="bold cyan", pad_edge=False, show_footer=False)
    grid.add_column(by, overflow="fold", min_width=8)
    for name in _columns(total, wide):
        grid.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        grid.add_row(Text(clean_cell(line.name) or "-"), *_columns(line, wide).values())
    grid.add_section()
    grid.add_row(Text("total"), *_columns(total, wide).values(), style="bold")
    console.print(grid)
    _chart(daily, asked)


def _columns(line: Line, wide: bool) -> dict[str, str]:
    cached = [count for count in (line.tokens_cached_read, line.tokens_cached_write) if count is not None]
    cells = {
        "requests": units.count(line.requests),
        "errors": units.count(line.errors),
        "aborted": units.count(line.aborted),
        "in": known(line.tokens_in, line.tokens_unknown, units.count),
        "out": known(line.tokens_out, line.tokens_unknown, units.count),
        "cached": units.count(sum(cached)) if cached else "-",
        "cost $": known(line.cost, line.cost_unknown, units.dollars),
        "p50": _took(line.p50_ms),
        "p95": _took(line.p95_ms),
        "p99": _took(line.p99_ms),
    }
    return cells if wide else {name: cell for name, cell in cells.items() if name not in ("aborted", "cached", "p99")}


def _took(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else units.duration(milliseconds)


def _chart(daily: Sequence[Line], asked: Filter) -> None:
    """Days without a request are blank."""
    if not daily:
        click.echo("no requests in this time")
        return
    found = {line.name: line for line in daily}
    shown = [day for day in days(asked.since, asked.until) if day >= daily[0].name][-_CHART:]
    tokens = [_tokens(found[day]) if day in found else 0 for day in shown]
    costs = [found[day].cost or 0.0 if day in found else 0.0 for day in shown]
    counts = [found[day].requests if day in found else 0 for day in shown]
    for name, values, top in (
        ("requests", counts, units.count(max(counts))),
        ("tokens", tokens, units.count(max(tokens))),
        ("cost $", costs, units.dollars(max(costs))),
    ):
        if any(values):
            click.echo(f"{name:>8} {spark(values)} at most {top} a day")
    click.echo(f"{'':>8} {shown[0]} … {shown[-1]}")


def _tokens(line: Line) -> int:
    return (line.tokens_in or 0) + (line.tokens_out or 0)

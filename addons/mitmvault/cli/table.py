"""A table: for people in a terminal with lines and colours, for programs in a pipe as tab-separated text."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import click

Row = Sequence[str]


def show(title: str, columns: Row, rows: Iterable[Row]) -> None:
    """Print the rows. Nothing in a cell is interpreted: neither markup nor control characters."""
    clean = [[clean_cell(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _draw(title, columns, clean)
    else:
        for row in ([name.upper() for name in columns], *clean):
            click.echo("\t".join(row))


def clean_cell(cell: str) -> str:
    """The text without control characters."""
    return "".join(char if char.isprintable() else "?" for char in cell)


def _draw(title: str, columns: Row, rows: Iterable[Row]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", header_style="bold cyan")
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)

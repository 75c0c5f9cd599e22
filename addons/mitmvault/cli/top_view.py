"""The screen of `mitmvault top`: tables that fit the terminal, the most urgent first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mitmvault.cli.table import clean_cell
from mitmvault.core import live_rows

_STYLES = {
    "limited": "yellow", "rejected": "red", "failing": "red", "expired": "dim", "unused": "dim", "unusable": "dim",
    "waiting": "yellow", "streaming": "green", "request": "cyan", "ok": "green",
}  # fmt: skip
_RIGHT = {"age", "in", "out", "out/s", "tok/s", "used", "ago"}
_SPARE = {"key", "in", "attempts"}  # columns that a narrow terminal does without
_NARROW = 100  # columns
_MOST = {"under way": 20, "keys": 12, "errors": 8}  # rows


def screen(status: Mapping[str, Any], before: Mapping[str, Any] | None) -> RenderableType:
    """Everything; `before` is an earlier look, for the rates."""
    parts: list[RenderableType] = [Text(clean_cell(live_rows.headline(status)), style="bold"), Text("")]
    parts += [_Fitting(name, columns, rows) for name, columns, rows in live_rows.tables(status, before)]
    return Group(*parts, Text("q leaves", style="dim"))


class _Fitting:
    """A table that leaves columns out where there is no room for them."""

    def __init__(self, name: str, columns: live_rows.Row, rows: list[live_rows.Row]) -> None:
        self.name, self.columns, self.rows = name, columns, rows

    def __rich_console__(self, console: Any, options: Any) -> Any:
        narrow = options.max_width < _NARROW and self.name == "under way"
        kept = [index for index, column in enumerate(self.columns) if not (narrow and column in _SPARE)]
        most = _MOST[self.name]
        title = f"{self.name} ({len(self.rows)})"
        table = Table(title=title, title_justify="left", title_style="bold cyan", header_style="dim",
                      box=box.SIMPLE_HEAD, pad_edge=False, expand=True)  # fmt: skip
        for index in kept:
            column = self.columns[index]
            right = column in _RIGHT
            table.add_column(column, justify="right" if right else "left", no_wrap=True, overflow="ellipsis")
        for row in self.rows[:most]:
            table.add_row(*(_cell(self.columns[index], row[index]) for index in kept))
        yield table
        if len(self.rows) > most:
            yield Text(f"… and {len(self.rows) - most} more", style="dim")


def _cell(column: str, text: str) -> Text:
    style = _STYLES.get(text.partition(",")[0].partition(" ")[0], "") if column in ("state", "phase") else ""
    return Text(clean_cell(text), style="red" if column == "what" else style)

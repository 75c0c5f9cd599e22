"""The screen of `mitmvault top`: tables that fit the terminal, the most urgent first."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, Literal

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mitmvault.cli.table import clean_cell
from mitmvault.core.records import live_rows

_STYLES = {
    "limited": "yellow", "rejected": "red", "failing": "red", "expired": "dim", "unused": "dim", "unusable": "dim",
    "waiting": "yellow", "streaming": "green", "request": "cyan", "ok": "green",
}  # fmt: skip
_RIGHT = {"age", "in", "out", "out/s", "tok/s", "used", "ago"}
_SPARE = {"key", "in", "out/s"}  # columns that a narrow terminal does without
_WHOLE = {"flow", "phase", "state"}  # columns that are of no use in part; numbers are not, either
_LEAST = 3  # characters of a column
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
        shown = [self.columns, *self.rows[:most]]
        natural = {index: max(len(row[index]) for row in shown) for index in kept}
        rigid = {index for index in kept if self.columns[index] in _RIGHT | _WHOLE}
        widths = fitted(natural, rigid, options.max_width - 2 * len(kept))
        title = f"{self.name} ({len(self.rows)})"
        table = Table(title=title, title_justify="left", title_style="bold cyan", header_style="dim",
                      box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))  # fmt: skip
        for index in kept:
            justify: Literal["right", "left"] = "right" if self.columns[index] in _RIGHT else "left"
            width = widths[index]
            table.add_column(self.columns[index], justify=justify, no_wrap=True, overflow="ellipsis", width=width)
        for row in self.rows[:most]:
            table.add_row(*(_cell(self.columns[index], row[index]) for index in kept))
        yield table
        if len(self.rows) > most:
            yield Text(f"… and {len(self.rows) - most} more", style="dim")
        yield Text("")


def fitted(natural: Mapping[int, int], rigid: Set[int], room: int) -> dict[int, int]:
    """The widths of columns, so that they fit: the widest give way first, those that are rigid last."""
    widths = dict(natural)
    for columns in (widths.keys() - rigid, widths.keys()):
        while sum(widths.values()) > room and any(widths[index] > _LEAST for index in columns):
            widths[max(columns, key=lambda index: widths[index])] -= 1
    return widths


def _cell(column: str, text: str) -> Text:
    style = _STYLES.get(text.partition(",")[0].partition(" ")[0], "") if column in ("state", "phase") else ""
    return Text(clean_cell(text), style="red" if column == "what" else style)

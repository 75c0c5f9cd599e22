"""The screen of `mitmvault top`, at several widths."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from mitmvault.cli.top_view import fitted, screen
from tests.test_live_rows import ERROR, GOING, KEY, status


def drawn(width: int, looked) -> list[str]:
    console = Console(width=width, record=True, force_terminal=True, file=io.StringIO())
    console.print(screen(looked, None))
    return console.export_text().splitlines()


@pytest.mark.parametrize("width", [40, 80, 160])
def test_fits(width):
    long = GOING | {"model": "m" * 300, "user": "u" * 300}
    lines = drawn(width, status(under_way=[GOING, long], keys=[KEY] * 3, errors=[ERROR]))
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "under way (2)" in text and "keys (3)" in text and "errors (1)" in text and "q leaves" in text


def test_a_narrow_terminal_does_without_some_columns():
    assert "#1" in "\n".join(line for line in drawn(160, status(keys=[])))
    assert "#1" not in "\n".join(line for line in drawn(80, status(keys=[])))


def test_what_is_of_no_use_in_part_is_whole():
    text = "\n".join(drawn(80, status(under_way=[GOING | {"model": "m" * 99, "user": "u" * 99}])))
    assert all(whole in text for whole in ("4f1c2a9b", "2.5 s", "streaming ×2", "3.00 kB", "~42"))


def test_what_is_too_long_is_counted():
    assert "… and 30 more" in "\n".join(drawn(120, status(under_way=[GOING] * 50)))


def test_nothing_is_interpreted():
    text = "\n".join(drawn(160, status(under_way=[GOING | {"model": "[red]\x1b[31mx"}])))
    assert "[red]?[31mx" in text and "\x1b" not in text


def test_the_widest_column_gives_way_first():
    assert fitted({0: 5, 1: 30, 2: 8}, {2}, 30) == {0: 5, 1: 17, 2: 8}
    assert fitted({0: 5, 1: 6, 2: 8}, {2}, 99) == {0: 5, 1: 6, 2: 8}
    assert fitted({0: 5, 1: 6, 2: 8}, {2}, 12) == {0: 3, 1: 3, 2: 6}
    assert fitted({0: 5, 1: 6, 2: 8}, {2}, 0) == {0: 3, 1: 3, 2: 3}

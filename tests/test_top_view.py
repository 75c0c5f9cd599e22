"""The screen of `mitmvault top`, at several widths."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from mitmvault.cli.top_view import screen
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


def test_what_is_too_long_is_counted():
    assert "… and 30 more" in "\n".join(drawn(120, status(under_way=[GOING] * 50)))


def test_nothing_is_interpreted():
    text = "\n".join(drawn(160, status(under_way=[GOING | {"model": "[red]\x1b[31mx"}])))
    assert "[red]?[31mx" in text and "\x1b" not in text

"""A table in a terminal, text in a pipe; nothing in a cell is interpreted."""

import sys

import pytest

from mitmvault.cli import table

ROW = ["[red]a[/red]", "b\x1b[31m\n\tc", "…é"]


def test_pipe(capsys):
    table.show("title", ["x", "y", "z"], [ROW])
    assert capsys.readouterr().out == "X\tY\tZ\n[red]a[/red]\tb?[31m??c\t…é\n"


@pytest.mark.parametrize("width", [40, 200])
def test_terminal(capsys, monkeypatch, width):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    table.show("title", ["x", "y", "z"], iter([ROW]))
    output = capsys.readouterr().out
    assert "title" in output and "[red]a[/red]" in output and "?[31m??c" in output and "\t" not in output

"""What the doctor has found, as people read it."""

from __future__ import annotations

import sys

import click
import pytest

from mitmvault.cli import doctor_view
from mitmvault.core.doctor.finding import FAIL, NOTE, OK, WARN, Finding

FOUND = [
    Finding("home", "permissions", OK, "private", "not shown"),
    Finding("vault", "groq", FAIL, "expired\x1b[2J", "a fresh key"),
    Finding("vault", "demo", WARN, "hm", "think"),
    Finding("clients", "Ruby", NOTE, "is not installed"),
]


def test_a_pipe(capsys):
    doctor_view.show(FOUND)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("\t") == ["STATUS", "AREA", "NAME", "FOUND", "REMEDY"]
    assert lines[2] == "fail\tvault\tgroq\texpired?[2J\ta fresh key"


@pytest.mark.parametrize(
    ("found", "last"),
    [
        (FOUND, "1 to mend, 1 to think about"),
        (FOUND[:1], "Everything works."),
        ([FOUND[0], FOUND[2]], "It works; 1 to think about."),
    ],
)
def test_a_terminal(monkeypatch, capsys, found, last):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    doctor_view.show(found)
    text = click.unstyle(capsys.readouterr().out)
    lines = [line for line in text.splitlines() if line]
    assert lines[-1] == last and "  ✓ permissions      private" in lines and "not shown" not in text
    if found is FOUND:
        assert lines[2:5] == ["vault", "  ✗ groq             expired?[2J", "    → a fresh key"]
        assert lines.count("vault") == 1 and "  · Ruby             is not installed" in lines

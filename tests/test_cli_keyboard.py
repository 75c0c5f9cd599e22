"""Single keys from a terminal; the terminal is as before afterwards."""

from __future__ import annotations

import io
import os
import pty
import sys
import termios

from mitmvault.cli.keyboard import Keyboard


def test_keys(monkeypatch):
    master, slave = pty.openpty()
    with os.fdopen(slave, "r") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        before = termios.tcgetattr(slave)
        with Keyboard() as keyboard:
            assert not termios.tcgetattr(slave)[3] & termios.ICANON
            assert keyboard.wait(0) == ""
            os.write(master, b"q")
            assert keyboard.wait(5) == "q"
        assert termios.tcgetattr(slave)[3] == before[3]
    os.close(master)


def test_no_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("q"))
    with Keyboard() as keyboard:
        assert keyboard.wait(0) == ""

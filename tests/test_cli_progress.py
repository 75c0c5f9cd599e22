"""People in a terminal see that something goes on; programs see nothing."""

from __future__ import annotations

import io
import sys

import pytest

from mitmvault.cli.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stderr, shown", [(Terminal(), True), (io.StringIO(), False)])
def test_shown_in_terminals_alone(monkeypatch, stderr, shown):
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setenv("TERM", "xterm")
    with progress("being made …"):
        pass
    with progress("not this", quiet=True):
        pass
    assert "not this" not in stderr.getvalue()
    assert ("being made …" in stderr.getvalue()) is shown and (stderr.getvalue() == "") is not shown


def test_errors_pass():
    with pytest.raises(KeyError), progress("being made …"):
        raise KeyError

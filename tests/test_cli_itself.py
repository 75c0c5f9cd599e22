"""The program as a person types it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from mitmvault.cli import itself
from mitmvault.home.layout import Home


@pytest.fixture
def program(tmp_path) -> Path:
    path = tmp_path / "bin" / "mitmvault"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    "typed, on_path, wanted",
    [
        ("bin/mitmvault", False, "bin/mitmvault"),
        ("bin/mitmvault", True, "mitmvault"),
        ("mitmvault", True, "mitmvault"),
        ("/x/y/mitmvault/__main__.py", False, f"{shlex.quote(sys.executable)} -m mitmvault"),
        ("/usr/bin/pytest", False, "mitmvault"),
    ],
)
def test_as_it_was_typed(program, monkeypatch, typed, on_path, wanted):
    monkeypatch.chdir(program.parent.parent if typed != "mitmvault" else program.parent)
    monkeypatch.setenv("PATH", str(program.parent) if on_path else "/nowhere")
    environ = {"HOME": "/home/me"}
    home = Home(Path("/home/me/.mitmvault"))
    assert itself.line("serve", home=home, environ=environ, program=typed) == f"{wanted} serve"


@pytest.mark.parametrize(
    "environ, wanted",
    [
        ({"HOME": "/home/me"}, "mitmvault run --home '/srv/a home' -- python x.py"),
        ({"HOME": "/home/me", "MITMVAULT_HOME": "/srv/a home"}, "mitmvault run -- python x.py"),
    ],
)
def test_the_home_where_it_is_not_the_usual_one(environ, wanted):
    line = itself.line("run", "--", "python", "x.py", home=Home(Path("/srv/a home")), environ=environ, program="")
    assert line == wanted

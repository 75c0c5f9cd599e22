"""How a person types this program again: as it was typed, with the home if it is not the usual one."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from mitmvault.home.layout import Home

NAME = "mitmvault"


def line(*words: str, home: Home, environ: Mapping[str, str], program: str | None = None) -> str:
    """A line for a shell, such as `mitmvault serve --home /srv/mitmvault`. `program`: else sys.argv[0]."""
    where = () if Home.find(None, environ) == home else ("--home", str(home.path))
    return shlex.join([*_program(sys.argv[0] if program is None else program), words[0], *where, *words[1:]])


def _program(typed: str) -> list[str]:
    name = os.path.basename(typed)
    if name == "__main__.py":  # python -m mitmvault
        return [sys.executable, "-m", NAME]
    if name != NAME:  # embedded somewhere
        return [NAME]
    found = shutil.which(NAME)
    return [NAME] if found and Path(found).resolve() == Path(typed).resolve() else [typed]

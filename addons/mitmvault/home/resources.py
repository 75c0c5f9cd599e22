"""Files that ship with mitmvault, installed or run from a checkout."""

from __future__ import annotations

from pathlib import Path

import mitmvault

_PACKAGE = Path(mitmvault.__file__).parent


def config_file(name: str) -> Path:
    """A file of `config/`: inside an installed package, or at the top of a checkout."""
    packaged = _PACKAGE / "config" / name
    return packaged if packaged.exists() else _PACKAGE.parent.parent / "config" / name


def entry_script() -> Path:
    """The script that mitmproxy loads: packaged alone in its folder, or addons/entry.py of a checkout."""
    packaged = _PACKAGE / "script" / "entry.py"
    return packaged if packaged.exists() else _PACKAGE.parent / "entry.py"

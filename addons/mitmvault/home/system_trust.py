"""The trust store of this Linux machine: our authority's certificate is put in, or taken out, and the store rebuilt.

Rules: 1. Only where the machine has the tool for it and we are root. Only the certificate is copied.
       2. The file's name holds the certificate's fingerprint: what another home put in is not taken out.
       3. Where the tool fails, the file is taken back: nothing half done stays.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mitmvault.core.setup import trust_stores
from mitmvault.core.setup.certificate import Certificate
from mitmvault.home import files
from mitmvault.home.certificate_forms import FORMS
from mitmvault.home.layout import HomeError

Which = Callable[[str], str | None]
_READABLE = 0o644
_SECONDS = 300


@dataclass(frozen=True)
class Tool:
    """A tool that rebuilds a machine's store, the directory that it reads, and how it is told what is gone."""

    system: str
    directory: Path
    install: tuple[str, ...]
    uninstall: tuple[str, ...]


TOOLS = (
    Tool("debian", Path(trust_stores.DEBIAN_DIRECTORY), ("update-ca-certificates",),
         ("update-ca-certificates", "--fresh")),
    Tool("redhat", Path(trust_stores.RED_HAT_DIRECTORY), ("update-ca-trust", "extract"),
         ("update-ca-trust", "extract")),
)  # fmt: skip


def tool(which: Which = shutil.which) -> Tool | None:
    """The tool of this machine, if it has one that we know. Arch has the second's, but not its directory."""
    return next((tool for tool in TOOLS if which(tool.install[0]) and tool.directory.is_dir()), None)


def system(which: Which = shutil.which) -> str | None:
    """The row of `core/setup/trust_stores.py` that is this machine's."""
    if sys.platform in ("darwin", "win32"):
        return {"darwin": "macos", "win32": "windows"}[sys.platform]
    known = tool(which)
    return known.system if known else "arch" if which("trust") else None


def install(found: Certificate) -> Path:
    """Put the certificate into this machine's store; returns the file. Raises HomeError."""
    chosen = _tool()
    path = _path(chosen, found)
    files.write_atomic(path, FORMS["pem"](found.der), _READABLE, keep_previous=False)
    try:
        _rebuild(chosen.install)
    except HomeError:
        path.unlink()
        raise
    return path


def uninstall(found: Certificate) -> Path | None:
    """Take the certificate out of this machine's store; returns the file, None when it was not there."""
    chosen = _tool()
    path = _path(chosen, found)
    if not path.exists():
        return None
    path.unlink()
    _rebuild(chosen.uninstall)
    return path


def _path(chosen: Tool, found: Certificate) -> Path:
    return chosen.directory / f"{trust_stores.name(found)}.crt"


def _tool() -> Tool:
    chosen = tool()
    if chosen is None:
        raise HomeError("this machine has neither update-ca-certificates nor update-ca-trust: type the lines yourself")
    if os.geteuid() != 0:
        raise HomeError(f"only root may change {chosen.directory}: use sudo, and name your home with --home")
    return chosen


def _rebuild(command: tuple[str, ...]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise HomeError(f"{command[0]} did not end within {_SECONDS} seconds") from None
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise HomeError(f"{' '.join(command)} failed ({done.returncode}): {' '.join(last)}")

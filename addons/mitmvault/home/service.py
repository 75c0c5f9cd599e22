"""The service of this person that runs the proxy: where its file lies, whether it is there, how it is started.

Rules: 1. A file that exists is never changed: it may have been edited.
       2. Nothing is started here.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mitmvault.core.configuration import environment
from mitmvault.core.setup import service_file
from mitmvault.home import files, password
from mitmvault.home.layout import Home, HomeError

_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Service:
    """The file, what belongs into it, and the line that starts the service."""

    path: Path
    content: bytes
    start: str

    @property
    def exists(self) -> bool:
        """Is there a file already?"""
        return self.path.exists()

    @property
    def differs(self) -> bool:
        """Is there one with another content?"""
        return self.exists and files.read(self.path, _MAX_BYTES) != self.content

    def write(self) -> bool:
        """Write the file if there is none. Was there none? Raises HomeError."""
        if self.exists:
            return False
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            files.write_atomic(self.path, self.content)
        except OSError as error:
            raise HomeError(f"cannot write {error.filename or self.path}: {error.strerror}") from None
        return True


def of(home: Home, environ: Mapping[str, str], platform: str = sys.platform) -> Service | None:
    """The service of this system; None where we know of none. Raises HomeError."""
    command = (sys.executable, "-P", "-m", "mitmvault", "serve", "--quiet", "--home", str(home.path))
    person = Path(environ.get("HOME") or Path.home())
    if platform == "darwin":
        path = person / "Library" / "LaunchAgents" / f"{service_file.NAME}.plist"
        start = f"launchctl bootstrap gui/{os.getuid()} {shlex.quote(str(path))}"
        return Service(path, service_file.launchd(command, str(home.path / "serve.log")), start)
    if not platform.startswith("linux"):
        return None
    config = Path(environ.get("XDG_CONFIG_HOME") or person / ".config")
    path = config / "systemd" / "user" / f"{service_file.NAME}.service"
    start = f"systemctl --user daemon-reload && systemctl --user enable --now {service_file.NAME}"
    return Service(path, _systemd(command), start)


def unseen(home: Home, environ: Mapping[str, str], lent: Iterable[str]) -> Iterator[str]:
    """What the proxy would take from this shell, and a service, which starts without its variables, has not.

    `lent`: variables whose keys are used, and are not in the vault. Each is a sentence that says what to do.
    """
    if environ.get(password.VARIABLE) and not home.cryptoken.exists():
        yield f"the service cannot open the vault: write {password.VARIABLE} to {home.cryptoken}, with mode 600"
    for name in lent:
        yield f"the service does not see the key in {name}: mitmvault init --env-keys puts it into the vault"
    for name in environment.NAMES:
        if environ.get(name):
            yield f"the service does not see {name}: say it in its file, or in the home's"


def _systemd(command: Sequence[str]) -> bytes:
    try:
        return service_file.systemd(command)
    except ValueError as error:
        raise HomeError(str(error)) from None

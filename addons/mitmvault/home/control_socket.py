"""Where the control socket of a proxy lies: made so that nobody but its owner comes near it, and removed.

Rules: 1. Its directory is the owner's (0700), and so is the socket (0600): the kernel keeps everybody else out.
       2. A directory that is somebody else's, or open to others, is not used.
       3. The address of a unix socket has about 100 bytes: for a longer home, the directory is a temporary one.
       4. Sockets that dead processes have left are removed by the next proxy of the home.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from mitmvault.home.files import PRIVATE_DIRECTORY, PRIVATE_FILE
from mitmvault.home.layout import Home, HomeError
from mitmvault.home.state import alive

LONGEST = 100  # bytes of a path; sun_path has 104 on macOS, 108 on Linux
_BACKLOG = 16
_SUFFIX = ".sock"


class ControlSocket:
    """A listening socket of this process, and its place."""

    def __init__(self, home: Home) -> None:
        """Listen. Raises OSError, and HomeError when the place is not safe."""
        self._temporary = len(os.fsencode(_place(home.run))) > LONGEST
        self._directory = Path(tempfile.mkdtemp(prefix="mitmvault-", dir=_short())) if self._temporary else home.run
        self.path = _place(self._directory)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if not self._temporary:
                _prepare(self._directory)
            self.path.unlink(missing_ok=True)  # of a process that had our number
            self.socket.bind(str(self.path))
            self.path.chmod(PRIVATE_FILE)
            self.socket.listen(_BACKLOG)
            self.socket.setblocking(False)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop listening, and take the socket away."""
        self.socket.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
        if self._temporary:
            shutil.rmtree(self._directory, ignore_errors=True)


def _place(directory: Path) -> Path:
    return directory / f"{os.getpid()}{_SUFFIX}"


def _short() -> str:
    """A directory for temporary files whose name is short enough."""
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) < LONGEST // 2 else "/tmp"  # noqa: S108  a private directory is made in it


def _prepare(directory: Path) -> None:
    with suppress(FileExistsError):
        directory.mkdir(PRIVATE_DIRECTORY)
    found = os.lstat(directory)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise HomeError(f"{directory} is not a directory of yours: remove it")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise HomeError(f"{directory} is open to others: chmod 700 {directory}")
    for other in directory.glob(f"*{_SUFFIX}"):
        if other.stem.isdigit() and not alive(int(other.stem)):
            other.unlink(missing_ok=True)

"""Files that hold secrets: written whole or not at all, read with a limit.

Rules: 1. A reader sees the old file or the new one, never a part, also after a crash (fsync around the rename).
       2. A file is created with its final mode: there is no moment in which others may read it.
       3. The version before stays as `<name>.previous`, mode 0600.
       4. Only regular files are read, and not beyond the limit.
"""

from __future__ import annotations

import fcntl
import io
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mitmvault.home.layout import HomeError

PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700
PREVIOUS = ".previous"


def write_atomic(path: Path, data: bytes, mode: int = PRIVATE_FILE, *, keep_previous: bool = True) -> None:
    """Replace the file's content. A symbolic link stays one: the file it names is replaced."""
    path = Path(os.path.realpath(path))
    if keep_previous and path.exists():
        _replace(path.with_name(path.name + PREVIOUS), path.read_bytes(), PRIVATE_FILE)
    _replace(path, data, mode)
    _sync_directory(path.parent)


def read(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes, or a HomeError that names the file."""
    try:
        # O_NONBLOCK: a FIFO in the file's place must not hang us before the check.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            with open(descriptor, "rb", closefd=False) if regular else io.BytesIO() as file:
                data = file.read(limit + 1)
        finally:
            os.close(descriptor)  # here, because open() does not close that of a directory
    except OSError as error:
        raise HomeError(f"cannot read {path}: {error.strerror}") from None
    if not regular:
        raise HomeError(f"cannot read {path}: it is not a regular file")
    if len(data) > limit:
        raise HomeError(f"cannot read {path}: it is larger than {limit} bytes")
    return data


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the directory's lock: one change at a time, between processes. The kernel releases it when we die."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, data: bytes, mode: int) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600 (rule 2)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

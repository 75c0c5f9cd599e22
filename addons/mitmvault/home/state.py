"""Where the running proxy of a home can be found: `state.json`, written at the start and removed at the end."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass

import msgspec

from mitmvault.home import files
from mitmvault.home.layout import Home, HomeError

MAX_BYTES = 64 * 1024


@dataclass(frozen=True)
class State:
    """A proxy: its process, its address, mitmweb's address if it has one, when it began (seconds since 1970), and the
    path of its control socket if it has one."""

    pid: int
    address: str
    web: str | None
    started: float
    control: str | None = None


def write(home: Home, state: State) -> None:
    """Say where we are."""
    files.write_atomic(home.state, msgspec.json.encode(asdict(state)), keep_previous=False)


def read(home: Home) -> State | None:
    """What the file says; None when there is none, or when it makes no sense."""
    try:
        return msgspec.json.decode(files.read(home.state, MAX_BYTES), type=State)
    except (HomeError, msgspec.DecodeError):
        return None


def remove(home: Home, pid: int) -> None:
    """Say that we are gone; the state of another process stays."""
    state = read(home)
    if state is None or state.pid == pid:
        home.state.unlink(missing_ok=True)


def running(home: Home) -> State | None:
    """The proxy of this home, if its process lives."""
    state = read(home)
    return state if state is not None and alive(state.pid) else None


def alive(pid: int) -> bool:
    """Is there a process of this number?"""
    if pid <= 0:  # to kill(2) these are groups of processes, which always exist
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:  # somebody else's, but alive
        return True
    except (OSError, OverflowError):
        return False
    return True

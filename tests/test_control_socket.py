"""Where the control socket lies, who may come near it, and what is left of it."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from mitmvault.home import control_socket
from mitmvault.home.control_socket import LONGEST, ControlSocket
from mitmvault.home.layout import Home, HomeError
from tests.test_state import dead


def mode(path: Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_private_from_the_beginning(tmp_path):
    home, before = Home(tmp_path), os.umask(0)
    try:
        made = ControlSocket(home)
    finally:
        os.umask(before)
    assert made.path == home.run / f"{os.getpid()}.sock"
    assert (mode(home.run), mode(made.path)) == (0o700, 0o600)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(made.path))
    made.close()
    assert os.listdir(home.run) == []
    made.close()  # again does nothing


def test_a_long_home_has_its_socket_elsewhere(tmp_path):
    home = Home(tmp_path / ("x" * LONGEST))
    home.path.mkdir()
    made = ControlSocket(home)
    assert len(os.fsencode(made.path)) <= LONGEST and not home.run.exists()
    assert (mode(made.path.parent), mode(made.path)) == (0o700, 0o600)
    made.close()
    assert not made.path.parent.exists()


def test_a_long_name_for_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setattr(control_socket.tempfile, "gettempdir", lambda: str(tmp_path / ("y" * LONGEST)))
    home = Home(tmp_path / ("x" * LONGEST))
    home.path.mkdir()
    made = ControlSocket(home)
    assert made.path.is_socket()
    made.close()


def test_what_dead_processes_have_left_is_removed(tmp_path):
    home = Home(tmp_path)
    home.run.mkdir(mode=0o700)
    own, stale, alive = (home.run / f"{pid}.sock" for pid in (os.getpid(), dead(), os.getppid()))
    other = home.run / "notes.sock"
    for path in (own, stale, alive, other):
        path.touch()
    made = ControlSocket(home)
    assert sorted(home.run.iterdir()) == sorted([made.path, alive, other]) and made.path.is_socket()
    made.close()


@pytest.mark.parametrize("wide", [0o750, 0o701, 0o777])
def test_a_directory_that_is_open_to_others(tmp_path, wide):
    home = Home(tmp_path)
    home.run.mkdir()
    home.run.chmod(wide)
    with pytest.raises(HomeError, match="chmod 700"):
        ControlSocket(home)
    assert os.listdir(home.run) == [] and mode(home.run) == wide


def test_a_link_in_the_directorys_place(tmp_path):
    home, elsewhere = Home(tmp_path), tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    home.run.symlink_to(elsewhere)
    with pytest.raises(HomeError, match="not a directory of yours"):
        ControlSocket(home)
    assert os.listdir(elsewhere) == []


def test_somebody_elses_directory(tmp_path, monkeypatch):
    home = Home(tmp_path)
    home.run.mkdir(mode=0o700)
    real = os.getuid()
    monkeypatch.setattr(control_socket.os, "getuid", lambda: real + 1)
    with pytest.raises(HomeError, match="not a directory of yours"):
        ControlSocket(home)

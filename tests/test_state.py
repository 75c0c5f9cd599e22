"""The running proxy of a home is found through its state file."""

import os
import subprocess
import sys

import pytest

from mitmvault.home import state
from mitmvault.home.layout import Home
from mitmvault.home.state import State

HERE = State(os.getpid(), "http://127.0.0.1:8080", None, 1.5)


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def dead() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_round_trip(home):
    state.write(home, HERE)
    assert state.read(home) == state.running(home) == HERE
    assert home.state.read_bytes().startswith(b'{"pid":') and home.state.stat().st_mode & 0o777 == 0o600
    state.write(home, State(1, "http://[::1]:1", "http://127.0.0.1:8081", 2))
    assert os.listdir(home.path) == ["state.json"]


def test_the_state_of_an_older_mitmvault(home):
    home.state.write_bytes(b'{"pid":1,"address":"x","web":null,"started":1}')
    assert state.read(home) == State(1, "x", None, 1.0, None)


def test_dead_process(home):
    state.write(home, State(dead(), "http://127.0.0.1:8080", None, 1.5))
    assert state.read(home) is not None and state.running(home) is None


def test_somebody_elses_process_is_alive(home, monkeypatch):
    def kill(_pid, _signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", kill)
    state.write(home, HERE)
    assert state.running(home) == HERE


@pytest.mark.parametrize(
    "text",
    [
        None,
        b"",
        b"[]",
        b"\xff",
        b'{"pid":"1","address":"x","web":null,"started":1}',
        b'{"pid":1}',
        b'{"pid":0,"address":"x","web":null,"started":1}',
        b'{"pid":-1,"address":"x","web":null,"started":1}',
        b'{"pid":9223372036854775807,"address":"x","web":null,"started":1}',
        b'{"pid":' + b" " * 70_000 + b'1,"address":"x","web":null,"started":1}',
    ],
)
def test_no_sense(home, text):
    if text is not None:
        home.state.write_bytes(text)
    assert state.running(home) is None


@pytest.mark.parametrize("pid, gone", [(HERE.pid, True), (HERE.pid + 1, False)], ids=["ours", "another"])
def test_remove_only_ones_own(home, pid, gone):
    state.write(home, HERE)
    state.remove(home, pid)
    assert home.state.exists() is not gone


def test_remove_twice(home):
    state.remove(home, HERE.pid)
    home.state.write_bytes(b"no sense")
    state.remove(home, HERE.pid)
    assert not home.state.exists()

"""Commands whose output goes nowhere, is full, or cannot be shown: no traceback, and nothing in somebody else's file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mitmvault.core.secret import Secret
from mitmvault.home import store
from mitmvault.home.layout import Home
from tests.authorities import home_with_authority
from tests.serving import ADDONS
from tests.terminal import CTRL_C, Terminal

MITMVAULT = f"{sys.executable} -m mitmvault"
COMMANDS = [
    "--help",
    "users --help",
    "users list",
    "vault decrypt",
    "vault show",
    "ca export --format der",
    "completion fish",
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    found = home_with_authority(tmp_path_factory.mktemp("person") / "home")
    keys = [{"key": "sk-made-up-key-000000000001"}]
    store.save_vault_document(found, {"providers": {"openai": {"keys": keys}}}, Secret("made-up"))
    store.save_users_document(found, {"alice": {"key": "mv-made-up-token"}})
    return found


def environment(home: Home, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home.path.parent), "PYTHONPATH": str(ADDONS),
            "MITMVAULT_HOME": str(home.path), "AI_JSON_CRYPTOKEN": "made-up"} | more  # fmt: skip


def shell(home: Home, script: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["bash", "-c", script], env=environment(home, **more), capture_output=True, timeout=60)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_one_line(home: Home, command: str) -> None:
    done = shell(home, f"{MITMVAULT} {command} > /dev/full")
    assert done.returncode == 1 and re.fullmatch(rb"mitmvault: cannot .*: No space left on device\n", done.stderr)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_goes_away_is_no_error(home: Home, command: str) -> None:
    """The reader has gone before the first byte, surely: the pipe's other end is closed."""
    done = shell(home, f"exec 3> >(exec <&-); wait $!; {MITMVAULT} {command} >&3")
    assert done.stderr == b""


@pytest.mark.parametrize("closed, code", [(">&-", 0), (">&- 2>&-", 0), ("<&- >&- 2>&-", 0), ("<&-", 0)])
@pytest.mark.parametrize("command", ["users list", "vault decrypt"])
def test_closed_streams(home: Home, command: str, closed: str, code: int) -> None:
    done = shell(home, f"{MITMVAULT} {command} {closed}")
    assert (done.returncode, done.stderr) == (code, b"")
    assert bool(done.stdout) is (closed == "<&-")


def test_what_is_printed_reaches_no_file_of_ours(home: Home) -> None:
    """With stdout closed, the users' file would have its number."""
    done = shell(home, f"{MITMVAULT} users add bob >&- 2>&- <&-")
    assert done.returncode == 0 and set(store.load_users_document(home)) == {"alice", "bob"}


def test_characters_that_the_encoding_lacks(home: Home) -> None:
    done = shell(home, f"{MITMVAULT} vault show", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0 and b"#1 ?0001" in done.stdout and done.stderr == b""


def test_file_names_that_are_no_text(home: Home, tmp_path: Path) -> None:
    done = shell(home, f"{MITMVAULT} init --home {tmp_path}/$'\\xff'")
    assert done.returncode == 0 and b"created: %s/\xff/users.json\n" % bytes(tmp_path) in done.stdout


def test_ctrl_c(home: Home, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mitmvault", "vault", "encrypt", "-", str(tmp_path / "out")]
    with Terminal(*command, environ=environment(home), cwd=tmp_path) as screen:
        screen.type("{\r").asked("{")  # it echoes: the command reads
        assert screen.type(CTRL_C).exit() in (130, -2), screen.seen
    assert "Traceback" not in screen.seen and not (tmp_path / "out").exists()

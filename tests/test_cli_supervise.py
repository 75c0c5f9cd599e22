"""A supervised program, in a process of its own: no thread of the test-suite may take its signals."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
from pathlib import Path

import pytest

from tests.serving import ADDONS, TIMEOUT, Program, eventually

RUN = "import os, sys; from mitmvault.cli import supervise; sys.exit(supervise.run(sys.argv[1:], dict(os.environ)))"


def supervised(tmp_path: Path, *command: str) -> Program:
    return Program(sys.executable, "-c", RUN, *command, environ={"PYTHONPATH": str(ADDONS)}, cwd=tmp_path)


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill $$", 143)])
def test_exit_codes(tmp_path, script, code):
    with supervised(tmp_path, "sh", "-c", script) as program:
        assert program.exit() == code


MASK = "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.getsignal(signal.SIGTERM))"


def test_nothing_is_blocked_for_the_program(tmp_path):
    with supervised(tmp_path, sys.executable, "-c", MASK) as program:
        program.exit()
    assert program.stdout.strip() == "set() 0"


def test_a_signal_is_passed_on_once(tmp_path):
    script = 'trap "echo got; exit 5" USR1; echo ready; while :; do sleep 0.05; done'
    with supervised(tmp_path, "sh", "-c", script) as program:
        program.wait_for("ready")
        assert program.end(signal.SIGUSR1) == 5
    assert program.stdout.split() == ["ready", "got"]


def test_we_stop_and_go_on_with_the_program(tmp_path):
    script = "echo ready; kill -STOP $$; echo again; read line; exit 6"
    with supervised(tmp_path, "sh", "-c", script) as program:
        program.wait_for("ready")
        _, status = os.waitpid(program.process.pid, os.WUNTRACED)  # a fresh stop, not an end
        assert os.WIFSTOPPED(status)
        program.process.send_signal(signal.SIGCONT)
        program.wait_for("again")
        assert program.exit() == 6


def test_ctrl_c_in_a_terminal_reaches_the_program_once(tmp_path):
    """A real terminal: the line discipline sends SIGINT to both of us; we must not pass ours on."""
    script = 'trap "count=x$count; echo got$count" INT; echo ready; while [ "$count" = "" ]; do sleep 0.05; done; ' \
             "sleep 0.3; exit 4"  # fmt: skip
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["PYTHONPATH"] = str(ADDONS)
        os.execv(sys.executable, [sys.executable, "-c", RUN, "sh", "-c", script])
    seen = bytearray()

    def shows(text: bytes) -> bool:
        if text not in seen and select.select([terminal], [], [], 0.1)[0]:
            try:
                seen.extend(os.read(terminal, 4096))
            except OSError:  # the other side is gone
                return True
        return text in seen

    try:
        assert eventually(lambda: shows(b"ready"), TIMEOUT)
        os.write(terminal, b"\x03")
        _, status = os.waitpid(pid, 0)
        eventually(lambda: shows(b"\0"), 1)
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 4
    assert seen.count(b"got") == 1

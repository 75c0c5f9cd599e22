"""Runs a program as if we were not there: its terminal, its signals, its exit code.

Rules: 1. A signal that somebody sends to us is the program's. One of the terminal's (Ctrl-C) has reached it already.
       2. When the program stops (Ctrl-Z), we stop, so that the shell gets its terminal back.
       3. The program begins as a shell would start it: Python's own changes to signals are taken back.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

# Python ignores these for itself; a program that inherits that never ends in `program | head`.
CHANGED_BY_PYTHON = [getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ") if hasattr(signal, name)]
PASSED_ON = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
             signal.SIGTSTP, signal.SIGCONT}  # fmt: skip
_OF_THE_TERMINAL = {signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP}


def run(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the program to its end and return its exit code; 128+n when signal n ended it. Raises OSError.

    No other thread may run: the kernel would give it the signals that are awaited here.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    awaited = PASSED_ON | {signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    try:
        program = os.posix_spawnp(
            command[0], list(command), environ, setsigmask=before, setsigdef=CHANGED_BY_PYTHON
        )  # fmt: skip
        while True:
            number, by_terminal = _next(awaited)
            if number == signal.SIGCHLD:
                if (code := _ended(program)) is not None:
                    return code
            elif not by_terminal:
                with suppress(ProcessLookupError):
                    os.kill(program, number)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _next(awaited: set[signal.Signals]) -> tuple[int, bool]:
    """The next signal, and whether the terminal sent it, to the program as well."""
    if hasattr(signal, "sigwaitinfo"):
        found = signal.sigwaitinfo(awaited)
        return found.si_signo, found.si_signo in _OF_THE_TERMINAL and found.si_pid == 0
    number = signal.sigwait(awaited)  # macOS does not say who sent it
    return number, number in _OF_THE_TERMINAL and _in_the_foreground()


def _in_the_foreground() -> bool:
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _ended(program: int) -> int | None:
    """The exit code, once there is one. Stops us when the program has stopped (rule 2)."""
    found, status = os.waitpid(program, os.WNOHANG | os.WUNTRACED)
    if not found:
        return None  # another child's end
    if os.WIFSTOPPED(status):
        os.kill(os.getpid(), signal.SIGSTOP)
        return None
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

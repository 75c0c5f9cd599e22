"""A program at a terminal of its own (a pty): what it shows, what a person types, and what is not echoed."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.proxy import TIMEOUT

CTRL_C, CTRL_D, ENTER = "\x03", "\x04", "\r"
_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """Runs the program; leaving the context ends it. `seen` is the screen's text, without colours."""

    def __init__(self, *command: str | Path, environ: Mapping[str, str], cwd: Path) -> None:
        clean = {"PATH": os.environ["PATH"], "HOME": str(cwd), "LOGNAME": "tester", "TERM": "xterm", "COLUMNS": "120"}
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            list(map(str, command)), env=clean | dict(environ), cwd=cwd,
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            # A session of its own whose terminal this is, so that Ctrl-C is a signal to it.
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
        )  # fmt: skip
        os.close(theirs)
        self._raw = b""
        self._at = 0

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)

    @property
    def seen(self) -> str:
        """Everything that was shown."""
        return _STYLE.sub("", self._raw.decode("utf-8", "replace")).replace("\r\n", "\n")

    def asked(self, text: str) -> Terminal:
        """Wait until this is shown, behind what was waited for before."""
        deadline = time.monotonic() + TIMEOUT
        while (found := self.seen.find(text, self._at)) < 0:
            assert self._read(deadline), f"no {text!r} in:\n{self.seen}"
        self._at = found + len(text)
        return self

    def type(self, text: str) -> Terminal:
        """Type, without Enter."""
        os.write(self._ours, text.encode())
        return self

    def answers(self, pairs: Sequence[tuple[str, str]]) -> Terminal:
        """For each question, type an answer and Enter."""
        for question, answer in pairs:
            self.asked(question).type(answer + ENTER)
        return self

    def exit(self) -> int:
        """Read to the end; the exit code."""
        deadline = time.monotonic() + TIMEOUT
        while self._read(deadline):
            pass
        return self.process.wait(TIMEOUT)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], max(0, deadline - time.monotonic()))
        try:
            data = os.read(self._ours, 65536) if ready else b""
        except OSError:  # Linux says so when the other side is closed
            data = b""
        self._raw += data
        return bool(data)

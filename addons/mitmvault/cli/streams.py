"""Standard streams that every command can use, whoever started it and however.

Rules: 1. One that is closed (`>&-`) is /dev/null: else the next file that is opened would take its number, and would
          hold what we print.
       2. What the terminal's encoding lacks is shown as `?`, and file names come out as they are: no error.
       3. What is still to be written at the end is written here, not by Python, which would complain in many lines.
          A reader that has gone is no error to talk about.

Source: docs.python.org, signal, "Note on SIGPIPE".
"""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress

_NAMES = ("stdin", "stdout", "stderr")


def prepare() -> None:
    """Make sys.stdin, sys.stdout and sys.stderr whole. Call it before anything opens a file."""
    for number, name in enumerate(_NAMES):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free is this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            unicode = stream.encoding.lower().replace("-", "") == "utf8"
            stream.reconfigure(errors="surrogateescape" if unicode else "replace")


def finish(code: int) -> int:
    """Write what is still to be written; the exit code, which is not 0 where that failed."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _give_up(1)
        if code == 0:
            tell(error)
        code = code or 1
    with suppress(OSError):
        sys.stderr.flush()
    return code


def tell(error: OSError) -> None:
    """Say why the output could not be written, in one line."""
    if error.errno != errno.EPIPE:
        with suppress(OSError):
            sys.stderr.write(f"mitmvault: cannot write the output: {error.strerror}\n")


def _give_up(number: int) -> None:
    """What cannot be written goes nowhere, so that Python does not try again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)

"""Clients that are commands: run them, read their output while they run, end them in the middle."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator


def output(command: list[str], stdin: bytes = b"") -> str:
    """All that it printed, whatever its exit code."""
    return subprocess.run(command, input=stdin, capture_output=True, check=False).stdout.decode()


def both(command: list[str]) -> tuple[str, str]:
    """What it printed, and what it said on stderr."""
    done = subprocess.run(command, capture_output=True, check=False)
    return done.stdout.decode(), done.stderr.decode(errors="replace")


def version(command: str) -> str:
    """The number in the first line of what `--version` prints."""
    return output([command, "--version"]).split("\n")[0].split()[1 if command == "curl" else 2]


@contextlib.contextmanager
def lines(command: list[str], stdin: bytes) -> Iterator[Iterator[bytes]]:
    """What it prints, line by line; leaving ends it as Ctrl-C would."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        process.stdin.write(stdin)
        process.stdin.close()
        try:
            yield iter(process.stdout.readline, b"")
        finally:
            process.terminate()

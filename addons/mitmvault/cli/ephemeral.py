"""A proxy for as long as it is needed: `mitmvault serve --attached` on a free port, in a process of its own.

Rules: 1. It ends when we end, however we end: it reads from a pipe that only we hold.
       2. It is nobody else's: the home's state file does not know it.
       3. It is in a session of its own, so that Ctrl-C reaches the program and not the proxy that it still needs.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from mitmvault.cli.progress import progress
from mitmvault.home import running
from mitmvault.home.layout import Home
from mitmvault.home.running import Running

SECONDS_TO_END = 5.0  # it waits for requests under way


@contextmanager
def proxy(home: Home, token: str, *, quiet: bool = False) -> Iterator[Running]:
    """Run a proxy during the context. Raises ClickException when it does not start; its own words are on stderr."""
    # -P: a file of the current directory must not stand in for a module of ours.
    command = (sys.executable, "-P", "-m", "mitmvault", "serve", "--attached")
    arguments = ("--home", str(home.path), "--listen", "127.0.0.1:0")
    process = subprocess.Popen(  # noqa: S603
        [*command, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, text=True,
    )  # fmt: skip
    assert process.stdin and process.stdout
    try:
        with progress("Starting a proxy …", quiet=quiet):
            address = process.stdout.readline().strip()
            found = running.ask(address, token) if address else None
        if found is None:
            raise click.ClickException("the proxy did not start")
        yield found
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

"""`mitmvault run`: a program, unchanged, through the proxy.

Rules: 1. Where a proxy runs already, nothing of us stays: the program takes our place (exec).
       2. Else a proxy is started for as long as the program runs, on a free port of this machine.
       3. Exit codes are a shell's: 127 no such command, 126 it cannot be run, 128+n ended by signal n.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import PurePath
from typing import NoReturn

import click

from mitmvault.cli import child, ephemeral, supervise
from mitmvault.cli.child import Wish, child_options
from mitmvault.cli.options import chosen_home, common_options
from mitmvault.cli.progress import progress
from mitmvault.core.child import child_environment, undo
from mitmvault.home import running, start, state, user_token

NO_COMMAND, NOT_EXECUTABLE = 127, 126
_TRUST = "Putting certificates together for the program …"
# JVMs send no credentials to a proxy, so their programs must carry the token themselves.
JVM = {
    "java",
    "jshell",
    "mvn",
    "mvnw",
    "gradle",
    "gradlew",
    "sbt",
    "scala",
    "kotlin",
    "clojure",
    "clj",
    "groovy",
    "lein",
}


@click.command(context_settings={"allow_interspersed_args": False})
@child_options
@click.option("-q", "--quiet", is_flag=True, help="Say nothing, unless something is wrong.")
@common_options
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND…")
def run(command: tuple[str, ...], quiet: bool, keep: tuple[str, ...], **wish: object) -> None:
    """Run a program through the proxy, unchanged: its HTTPS requests to providers carry real keys, which it never sees.

    The proxy of this home is used if it runs; else one runs as long as the program. The program's variables for the
    proxy, for certificates and for keys are set; the keys that it sees are dummies.

    \b
    Examples:
      mitmvault run -- python legacy.py
      mitmvault run --user alice -- node app.js --port 3000
      mitmvault run --base-url -- python your_program.py
      mitmvault run -- sh -c 'curl https://api.openai.com/v1/models'
    """
    home = chosen_home()
    wanted = Wish(keep=keep, **wish)  # type: ignore[arg-type]
    if PurePath(command[0]).name in JVM:
        wanted = wanted.with_token_as_key()
    _check(command[0])
    before = undo.before(os.environ)
    if state.running(home) is None:  # else the home is complete, and the crypto token the proxy's own affair
        with progress("Looking after the home directory …", quiet=quiet):
            started = start.ensure(home, os.environ)
        for path in started.created:
            click.echo(f"mitmvault: created {path}", err=True)
    who = user_token.choose(home, wanted.user, os.environ)
    if proxy := running.find(home, who.token):
        _tell(quiet, f"as {who.user} through {proxy.address}")
        with progress(_TRUST, quiet=quiet):
            found = child.changes(home, wanted, who, proxy, before)
        _become(command, child_environment.applied(before, found))
    with ephemeral.proxy(home, who.token, quiet=quiet) as proxy:
        _tell(quiet, f"as {who.user} through a proxy of its own at {proxy.address}")
        with progress(_TRUST, quiet=quiet):
            found = child.changes(home, wanted, who, proxy, before)
        code = supervise.run(command, child_environment.applied(before, found))
    sys.exit(code)


def _check(name: str) -> None:
    if shutil.which(name):
        return
    if os.path.exists(name) and os.path.dirname(name):
        click.echo(f"mitmvault: {name} cannot be executed", err=True)
        sys.exit(NOT_EXECUTABLE)
    click.echo(f"mitmvault: there is no command {name}", err=True)
    sys.exit(NO_COMMAND)


def _tell(quiet: bool, text: str) -> None:
    if not quiet:
        click.echo(f"mitmvault: {text}", err=True)


def _become(command: tuple[str, ...], environ: dict[str, str]) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    for number in supervise.CHANGED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    os.execvpe(command[0], command, environ)  # noqa: S606  the person's own command

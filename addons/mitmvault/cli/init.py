"""`mitmvault init`: guided in a terminal, by options in a script.

Rules: 1. Everything is asked before anything is written: who gives up half-way has changed nothing.
       2. A key is never an argument, which other processes could see.
       3. Without a terminal, or with --yes or --json, nothing is asked.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator

import click
from rich.console import Console

from mitmvault.cli import banner, itself, questions
from mitmvault.cli.options import chosen_home, common_options
from mitmvault.cli.progress import progress
from mitmvault.home import provider_keys, setup, state
from mitmvault.home.layout import Home
from mitmvault.home.provider_keys import Stored
from mitmvault.home.setup import Done, Wish

_PROGRAM = ("run", "--", "python", "your_program.py")


@click.command()
@click.option("--user", metavar="NAME", help="This user is there afterwards. Else the first has your login name.")
@click.option("--key", "providers", multiple=True, metavar="PROVIDER", help="A key to be typed, or a line of stdin.")
@click.option("--env-keys", is_flag=True, help="Put the keys of OPENAI_API_KEY and the like into the vault.")
@click.option("--service", "serves", is_flag=True, help="Write a service file, of systemd or launchd.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing: the options say everything.")
@click.option("--json", "as_json", is_flag=True, help="Ask nothing, and say what was done as JSON.")
@common_options
def init(user: str | None, providers: tuple[str, ...], env_keys: bool, serves: bool, yes: bool, as_json: bool) -> None:
    """Set up a home: vault, first user, certificate authority, provider keys, a service.

    In a terminal it asks; in a pipe, the options say everything. It may be repeated: what exists is kept. The token
    of a new user is shown once. `mitmvault serve` does the same at its first start, without keys and service.

    \b
    Examples:
      mitmvault init
      mitmvault init --yes --user ci --env-keys --service
      mitmvault init --key groq < groq.key
      TOKEN=$(mitmvault init --user ci --json | jq -r .token)
    """
    home = chosen_home()
    lent = tuple(provider_keys.offered(home, os.environ)) if env_keys else ()
    wish = Wish(user, lent, tuple(questions.read_key(home, name) for name in providers), serves)
    if not (yes or as_json) and sys.stdin.isatty() and sys.stderr.isatty():
        wish = questions.ask(home, wish)
    with progress("Making what is missing …"):
        done = setup.carry_out(home, os.environ, wish)
    for warning in done.warnings:
        click.echo(f"mitmvault: warning: {warning}", err=True)
    if as_json:
        click.echo(json.dumps(_document(home, done), indent=2))
        return
    console = Console()
    banner.show_facts(list(_facts(home, done)), console)
    if done.token:
        click.echo("The token is shown only this once.", err=True)
    for title, line in zip(("Next", "Then, in another terminal"), _next(home, done), strict=False):
        console.print(f"\n{title}:", style="green")
        console.out(line, highlight=False)


def _facts(home: Home, done: Done) -> Iterator[tuple[str, str]]:
    yield "home", str(home.path)
    for name, paths in (("created", done.created), ("kept", done.kept)):
        yield from ((name, str(path)) for path in paths)
    for key in done.keys:
        yield "key", f"{key.provider} {key.label}{f' from {key.source}' if key.source else ''}, {_happened(key)}"
    yield "providers", ", ".join(done.providers)
    if done.user and done.token:
        yield "user", done.user
        yield "user token", done.token.reveal()


def _happened(key: Stored) -> str:
    return "added" if key.added else "kept"


def _next(home: Home, done: Done) -> list[str]:
    """Lines to type: what starts the proxy, unless it runs, and a program through it."""
    program = itself.line(*_PROGRAM, home=home, environ=os.environ)
    if state.running(home):
        return [program]
    return [done.service.start if done.service else itself.line("serve", home=home, environ=os.environ), program]


def _document(home: Home, done: Done) -> dict[str, object]:
    return {
        "home": str(home.path),
        "created": list(map(str, done.created)),
        "kept": list(map(str, done.kept)),
        "keys": [{"provider": key.provider, "key": key.label, "source": key.source, "added": key.added}
                 for key in done.keys],
        "providers": list(done.providers),
        "user": done.user,
        "token": done.token.reveal() if done.token else None,
        "service": str(done.service.path) if done.service else None,
        "next": _next(home, done),
    }  # fmt: skip

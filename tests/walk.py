"""Every command of the tree, run in a home that is broken in some way: what a person sees.

`python -m tests.walk HOME` does it in a process of its own and prints JSON: for what needs other rights than ours.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest import mock

import click
from click.testing import CliRunner

from mitmvault.cli.main import cli
from mitmvault.home.running import Running

# Command -> words that make sense in a home without faults; a command without a row is run without words.
WORDS: dict[str, tuple[str, ...]] = {
    "init": ("--key", "groq"),
    "serve": ("--listen", "127.0.0.1:0"),
    "run": ("--", "true"),
    "explain": ("--user", "alice", "https://api.openai.com/v1/models"),
    "test": (str(Path(__file__).parent / "fixtures" / "policy"),),
    "doctor": ("--no-clients",),
    "users add": ("bob",),
    "users remove": ("alice",),
    "completion": ("bash",),
    "vault encrypt": ("-",),
}
STDIN = {"vault encrypt": '{"version": 1, "providers": {}}', "init": "gsk_made-up-typed-key-0000000001\n"}


_CHANGING = ("vault encrypt", "users add", "users remove")  # run last, where all share a home


@dataclass(frozen=True)
class Seen:
    """What a person sees of a command. `raised` is what reached the caller, "" for nothing."""

    code: int
    stdout: str
    stderr: str
    raised: str


def leaves(command: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command that does something by itself."""
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield " ".join(path)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner
            yield from leaves(inner, (*path, name))


EVERY = sorted(leaves(), key=_CHANGING.__contains__)


def run(command: str, home: Path, environ: Mapping[str, str | None], *more: str) -> Seen:
    """Run one; no proxy is started."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch("mitmvault.cli.proxying.run", _no_proxy))
        stack.enter_context(mock.patch("mitmvault.cli.ephemeral.proxy", _pretended))
        # It waits for signals, which would go to another thread of pytest's.
        stack.enter_context(mock.patch("mitmvault.cli.supervise.run", lambda *_: 0))
        arguments = [*command.split(), "--home", str(home), *more, *WORDS.get(command, ())]
        result = CliRunner().invoke(cli, arguments, input=STDIN.get(command, ""), env=environ)
    raised = "" if result.exception is None or isinstance(result.exception, SystemExit) else repr(result.exception)
    return Seen(result.exit_code, result.stdout, result.stderr, raised)


async def _no_proxy(*_: object) -> None:
    pass


@contextmanager
def _pretended(*_: object, **__: object) -> Iterator[Running]:
    yield Running("http://127.0.0.1:1", frozenset())


if __name__ == "__main__":
    every = {command: asdict(run(command, Path(sys.argv[1]), dict(os.environ))) for command in EVERY}
    print(json.dumps(every))

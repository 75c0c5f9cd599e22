"""`mitmvault`: the commands by name. Each lives in a module of its own and is imported when it runs."""

from __future__ import annotations

import sys

import click

from mitmvault import __version__
from mitmvault.cli import streams
from mitmvault.cli.group import LazyGroup
from mitmvault.cli.options import common_options

COMMANDS = {
    "init": ("mitmvault.cli.init:init", "Set up a home, guided; it may be repeated."),
    "serve": ("mitmvault.cli.serve:serve", "Run the proxy; the first time, set it up."),
    "run": ("mitmvault.cli.run:run", "Run a program through the proxy, unchanged."),
    "env": ("mitmvault.cli.env:env", "Print the variables that send programs through the proxy."),
    "doctor": ("mitmvault.cli.doctor:doctor", "Say what is wrong and what to do; try this machine's programs."),
    "vault": ("mitmvault.cli.vault:vault", "Show, encrypt and decrypt the vault of provider keys."),
    "explain": ("mitmvault.cli.explain:explain_command", "Say where a request would go and why; nothing is sent."),
    "test": ("mitmvault.cli.test:run_cases", "Hold saved requests against a configuration; nothing is sent."),
    "top": ("mitmvault.cli.top:top", "Watch what goes through the running proxy."),
    "usage": ("mitmvault.cli.usage:usage", "Who spent what: requests, tokens, cost, durations."),
    "ca": ("mitmvault.cli.ca:ca", "Show, export and install the certificate authority."),
    "users": ("mitmvault.cli.users:users", "Add, list and remove the users that may in."),
    "completion": ("mitmvault.cli.completion:completion", "Print what makes a shell complete commands."),
}


@click.group(cls=LazyGroup, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mitmvault")
@common_options
def cli() -> None:
    """Hand out tokens, not keys: a proxy that swaps user tokens for real LLM provider keys on the wire.

    \b
    Example:
      mitmvault serve
      mitmvault run -- python your_program.py
    """


def main() -> None:
    """The entry point of the console script."""
    streams.prepare()
    code = 0
    try:
        cli(prog_name="mitmvault")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except OSError as error:  # while help is written: errors of commands are the group's to tell
        streams.tell(error)
        code = 1
    sys.exit(streams.finish(code))


if __name__ == "__main__":
    main()

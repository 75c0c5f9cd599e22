"""`mitmvault completion`: what makes a shell complete commands and options; click does the work."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from mitmvault.cli.options import common_options

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "mitmvault"
COMPLETE = "_MITMVAULT_COMPLETE"  # click makes it of the program's name


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@common_options
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the lines that make SHELL complete commands and options.

    \b
    Examples:
      eval "$(mitmvault completion bash)"          # in ~/.bashrc
      eval "$(mitmvault completion zsh)"           # in ~/.zshrc, after compinit
      mitmvault completion fish > ~/.config/fish/completions/mitmvault.fish
    """
    found = get_completion_class(shell)
    assert found  # every one of SHELLS is click's
    click.echo(found(context.find_root().command, {}, PROGRAM, COMPLETE).source())

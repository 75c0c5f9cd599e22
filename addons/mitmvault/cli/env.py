"""`mitmvault env`: the variables that send programs through the proxy, for the shell at hand."""

from __future__ import annotations

import os

import click

from mitmvault.cli import child
from mitmvault.cli.child import Wish, child_options
from mitmvault.cli.options import chosen_home, common_options
from mitmvault.cli.progress import progress
from mitmvault.core.child import child_environment, shells, undo
from mitmvault.home import configuration, running, user_token
from mitmvault.home.layout import Home

_FOR_ONE_SHELL = ("bash", "zsh", "fish", "powershell")  # the others start from nothing: no way back is needed
_REMARK = "This holds a user token. mitmvault env --unset takes it back."


@click.command()
@click.option("--shell", type=click.Choice(shells.SHELLS), help="For whom to write; default: $SHELL, else bash.")
@click.option("--json", "as_json", is_flag=True, help="The same as --shell json.")
@click.option("--unset", is_flag=True, help="Print what puts everything back. Keys are not put back.")
@child_options
@common_options
def env(shell: str | None, as_json: bool, unset: bool, keep: tuple[str, ...], **wish: object) -> None:
    """Print the variables that send programs through the proxy of this home, which must be running.

    Afterwards every program of this shell works as under `mitmvault run`. Keys in the shell's variables are replaced
    by dummies; a key that stood there is gone from this shell.

    \b
    Examples:
      eval "$(mitmvault env)"
      eval "$(mitmvault env --unset)"
      mitmvault env --shell fish | source
      mitmvault env --shell powershell | Out-String | Invoke-Expression
      mitmvault env --shell docker > .env.mitmvault
    """
    home = chosen_home()
    chosen = "json" if as_json else shell or _shell_at_hand()
    if unset:
        remarks: tuple[str, ...] = ()
        known = child_environment.names(configuration.known(home).specs)
        variables = undo.undone(os.environ, known)
    else:
        remarks = (_REMARK,)
        variables = _variables(home, Wish(keep=keep, **wish), chosen)  # type: ignore[arg-type]
    try:
        click.echo(shells.render(chosen, variables, remarks), nl=False)
    except shells.ShellError as error:
        raise click.ClickException(str(error)) from None


def _variables(home: Home, wish: Wish, shell: str) -> dict[str, str | None]:
    who = user_token.choose(home, wish.user, os.environ)
    proxy = running.find(home, who.token)
    if proxy is None:
        raise click.ClickException(f"no proxy of {home.path} is running: start one, mitmvault serve")
    before = undo.before(os.environ)
    with progress("Putting certificates together for your programs …"):
        found = child.changes(home, wish, who, proxy, before)
    variables: dict[str, str | None] = {name: change.value for name, change in found.items()}
    if shell in _FOR_ONE_SHELL:
        specs = configuration.known(home).specs
        secret = {name for name, change in found.items() if change.guessed or child_environment.is_secret(name, specs)}
        variables[undo.VARIABLE] = undo.record(before, found, secret.__contains__)
    return variables


def _shell_at_hand() -> str:
    name = os.path.basename(os.environ.get("SHELL", ""))
    return {"fish": "fish", "zsh": "zsh", "pwsh": "powershell"}.get(name, "bash")

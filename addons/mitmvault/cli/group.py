"""The top-level group: commands are imported when they run, expected errors are one sentence.

Rules: 1. `--help` imports no command; the table has the one-line helps.
       2. An error is one red line on stderr and exit code 1; `--debug` lets it through with its traceback.
       3. Of an error that nobody expected, the line tells the kind and the place, not its text: that may hold a secret.
       4. A broken pipe is no error: click ends quietly.
       5. Ctrl-C, or the end of input at a question, is exit code 130, as in a shell.
"""

from __future__ import annotations

import errno
import os
import traceback
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from mitmvault.cli.options import chosen
from mitmvault.home.layout import HomeError

INTERRUPTED = 130


class Problem(click.ClickException):
    """An expected error, as the person reads it."""

    def show(self, file: Any = None) -> None:
        """One red line; click drops the colour outside terminals."""
        click.secho(f"mitmvault: {self.message}", fg="red", err=True)


class LazyGroup(click.Group):
    """A group over a table: name -> ("module:command", one-line help)."""

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of the table: as a person meets them."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in self._table:
            return None
        module, _, attribute = self._table[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, from the table (rule 1: the shell waits), and the group's own options."""
        found = [CompletionItem(name, help=text) for name, (_, text) in self._table.items()]
        return [item for item in found if item.value.startswith(incomplete)] + click.Command.shell_complete(
            self, ctx, incomplete
        )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table (rule 1)."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._table.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command (rules 2 to 5)."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort):
            click.echo("\nmitmvault: interrupted", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None
        except (click.ClickException, click.exceptions.Exit):
            raise
        except Exception as error:
            if chosen(ctx).debug or (isinstance(error, OSError) and error.errno == errno.EPIPE):
                raise
            raise Problem(_sentence(error) or _unexpected(error)) from None


def _unexpected(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{type(error).__name__} at {os.path.basename(last.filename)}:{last.lineno}"
    return f"a mistake of ours ({place}): please report what the same command prints with --debug"


def _sentence(error: Exception) -> str | None:
    """The error in one sentence, or None when it is not an expected one."""
    # Imported here, because the envelope brings the cryptography library along (rule 1).
    from mitmvault.core.configuration.environment import VariableError
    from mitmvault.core.configuration.settings import SettingsError
    from mitmvault.core.configuration.spec_fields import CatalogueError
    from mitmvault.core.configuration.users import UsersError
    from mitmvault.core.configuration.vault import VaultError
    from mitmvault.core.formats.openssl import SealError
    from mitmvault.core.records.control import ControlError
    from mitmvault.home.ledger import LedgerError

    match error:
        case OSError():
            return (
                f"{error.filename}: {error.strerror}" if error.filename else f"cannot go on: {error.strerror or error}"
            )
        case VaultError():
            return f"the vault: {error}"
        case UsersError():
            return f"users.json: {error}"
        case SettingsError():
            return f"mitmvault.yaml: {error}"
        case CatalogueError():
            return f"providers.yaml: {error}"
        case ControlError() | HomeError() | LedgerError() | SealError() | VariableError():
            return str(error)
    return None

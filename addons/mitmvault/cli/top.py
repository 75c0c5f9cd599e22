"""`mitmvault top`: what goes through the running proxy, live. It asks the proxy's control socket once a second."""

from __future__ import annotations

import sys
from typing import Any

import click
import msgspec

from mitmvault.cli import table
from mitmvault.cli.options import chosen_home, common_options
from mitmvault.core.records import live_rows
from mitmvault.home import control_client
from mitmvault.home.layout import Home


@click.command()
@click.option(
    "--interval", type=click.FloatRange(0.2, 60), default=1.0, show_default=True, help="Seconds between looks."
)
@click.option("--once", is_flag=True, help="One look, as plain text; also when the output is no terminal.")
@click.option("--json", "as_json", is_flag=True, help="One look, for programs.")
@common_options
def top(interval: float, once: bool, as_json: bool) -> None:
    """Watch what goes through the running proxy: requests under way, keys, errors, the last minute.

    Unknown is shown as `?`. The key q leaves, and so does Ctrl-C.

    \b
    Examples:
      mitmvault top
      mitmvault top --once
      mitmvault top --json | jq '.under_way[].user'
    """
    home = chosen_home()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(control_client.ask(home, "status"))))
    elif once or not sys.stdout.isatty():
        _print(control_client.ask(home, "status"))
    else:
        _watch(home, interval)


def _print(status: dict[str, Any]) -> None:
    click.echo(live_rows.headline(status))
    for name, columns, rows in live_rows.tables(status, None):
        click.echo()
        click.echo(name)
        for row in (tuple(column.upper() for column in columns), *rows):
            click.echo("\t".join(map(table.clean_cell, row)))


def _watch(home: Home, interval: float) -> None:
    from rich.live import Live

    from mitmvault.cli.keyboard import Keyboard
    from mitmvault.cli.top_view import screen

    before: dict[str, Any] | None = None
    with Keyboard() as keyboard:
        try:
            status = control_client.ask(home, "status")
            with Live(screen(status, None), screen=True, auto_refresh=False) as live:
                while keyboard.wait(interval) not in ("q", "Q", "\x1b"):
                    before, status = status, control_client.ask(home, "status")
                    live.update(screen(status, before), refresh=True)
        except KeyboardInterrupt:
            pass

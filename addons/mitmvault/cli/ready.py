"""Addons that say that the proxy is ready: to people, to a system's log, to the program that started it."""

from __future__ import annotations

import os
import sys
import time

import click
from rich.console import Console

from mitmvault.cli import banner
from mitmvault.core.configuration import environment
from mitmvault.core.configuration.vault import is_expired
from mitmvault.core.configuration.world import World
from mitmvault.core.pages import ui
from mitmvault.core.records import log_line
from mitmvault.home import store
from mitmvault.home.layout import Home


class Banner:
    """The banner, with a user's token and two lines to try."""

    def __init__(self, home: Home, world: World, beside: tuple[str, ...]) -> None:
        self.home, self.world, self.beside = home, world, beside

    def mitmvault_ready(self, address: str, web: str | None) -> None:
        name, token = first_user(self.home)
        ca = self.home.ca_certificate
        providers, sources = tuple(self.world.vault.providers), dict(self.world.sources)
        tokens = tuple(dict.fromkeys(token.variable for token in environment.read(os.environ).tokens))
        ready = banner.Ready(address, web, self.home.path, name, token, ca, providers, tokens, sources, self.beside,
                             dashboard(self.world, address))  # fmt: skip
        banner.show(ready, Console())


def dashboard(world: World, address: str) -> str | None:
    """Where the dashboard is, if anybody may open it."""
    return f"{address}{ui.ROOT}" if world.users.has_admin and ui.NAME not in world.providers else None


class Quiet:
    """The addresses alone: others may read the log of a service, in which no token belongs."""

    def mitmvault_ready(self, address: str, web: str | None) -> None:
        click.echo(f"listening at: {address}")
        if web:
            click.echo(f"mitmweb: {web.partition('?')[0]}")  # without its password


class Json:
    """The addresses as a line of JSON, where the log is written so. No token, no password."""

    def mitmvault_ready(self, address: str, web: str | None) -> None:
        more = {"event": "ready", "address": address} | ({"web": web.partition("?")[0]} if web else {})
        click.echo(log_line.line(time.time(), "info", __name__, f"listening at {address}", more))


class Attached:
    """Where the proxy listens, in one line: for the program that started it."""

    def mitmvault_ready(self, address: str, web: str | None) -> None:
        click.echo(address)
        sys.stdout.flush()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)  # whoever started us reads one line; a full pipe would stop us
        os.close(nowhere)


def first_user(home: Home) -> tuple[str, str | None]:
    """The first user that may in, and the token if it is stored."""
    for name, entry in store.load_users_document(home).items():
        if not is_expired(str(entry.get("type", ""))):
            return name, entry.get("key")
    return "(none: add one with mitmvault users add NAME)", None

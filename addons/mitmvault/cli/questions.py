"""What `mitmvault init` asks in a terminal. Every question has a default that is safe to press Enter on.

Rules: 1. Nothing is written here.
       2. What an option has answered is not asked.
       3. A key is typed hidden, and shown to nobody.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace

import click

from mitmvault.core.configuration.users import UsersError
from mitmvault.core.secret import Secret
from mitmvault.home import provider_keys, service, setup, start
from mitmvault.home.layout import Home, HomeError
from mitmvault.home.provider_keys import Typed
from mitmvault.home.setup import Wish


def ask(home: Home, wish: Wish) -> Wish:
    """Complete the wish of a person who sits at a terminal."""
    offered = provider_keys.offered(home, os.environ)  # here, because what is wrong with a home is said first
    click.echo(f"{home.path}: {'is there, and is completed' if home.path.exists() else 'will be made'}", err=True)
    if wish.user is None and not home.users.exists():
        wish = replace(wish, user=_user())
    if not wish.lent:
        wish = replace(wish, lent=tuple(name for name, variable in offered.items() if _take(name, variable)))
    if not wish.typed:
        wish = replace(wish, typed=tuple(_keys(home)))
    if not wish.service and _could_serve(home):
        text = "Write a service file, so that the proxy runs whenever you are logged in?"
        wish = replace(wish, service=click.confirm(text, err=True))
    return wish


def read_key(home: Home, provider: str) -> Typed:
    """The key of a provider: typed hidden in a terminal, else a line of stdin. Raises HomeError."""
    provider_keys.check(home, os.environ, provider)
    if sys.stdin.isatty():
        value = click.prompt(f"Key of {provider} (not shown)", hide_input=True, err=True)
    else:
        value = sys.stdin.readline()
    if not value.strip():
        raise HomeError(f"there is no key of {provider} in the standard input: a line for each --key")
    return Typed(provider, Secret(value.strip()))


def _user() -> str:
    return str(click.prompt("First user", default=start.login_name(os.environ), value_proc=_name, err=True))


def _name(text: str) -> str:
    try:
        setup.check_user(text)
    except UsersError as error:
        raise click.UsageError(str(error)) from None
    return text


def _take(name: str, variable: str) -> bool:
    return click.confirm(f"{variable} is set. Put it into the vault, as the key of {name}?", default=True, err=True)


def _keys(home: Home) -> Iterator[Typed]:
    """Keys until Enter is pressed instead of a provider's name."""
    text = "Provider to type a key for, such as groq (Enter: none)"
    while name := click.prompt(text, default="", show_default=False, err=True).strip():
        try:
            yield read_key(home, name)
        except HomeError as error:
            click.echo(f"Error: {error}", err=True)


def _could_serve(home: Home) -> bool:
    found = service.of(home, os.environ)
    return found is not None and not found.exists and bool(shutil.which("systemctl") or shutil.which("launchctl"))

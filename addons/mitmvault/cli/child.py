"""What `mitmvault run` and `mitmvault env` have in common: their options, and the variables that come of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import click

from mitmvault.core.child import child_environment
from mitmvault.core.child.child_environment import Change
from mitmvault.core.child.child_values import Facts
from mitmvault.home import child_trust, configuration
from mitmvault.home.layout import Home
from mitmvault.home.resources import config_file
from mitmvault.home.running import Running
from mitmvault.home.user_token import UserToken

T = TypeVar("T", bound=Callable[..., Any])


@dataclass(frozen=True)
class Wish:
    """What was asked for."""

    user: str | None
    base_url: bool
    token_as_key: bool
    https_only: bool
    keep: tuple[str, ...]

    def with_token_as_key(self) -> Wish:
        """The same, for programs that cannot send proxy credentials."""
        return replace(self, token_as_key=True)


def child_options(command: T) -> T:
    """Add the options; the command gets them as `Wish(**options)`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option("--user", metavar="NAME", help="As this user. Else the only one; else $MITMVAULT_TOKEN."),
    click.option("--base-url", is_flag=True, help="Also set the SDKs' base URLs, and the token as their key."),
    click.option("--token-as-key", is_flag=True, help="The token in the key variables, not dummies: for JVMs."),
    click.option("--https-only", is_flag=True, help="Leave HTTP_PROXY alone: plain HTTP goes its own way."),
    click.option("--keep", multiple=True, metavar="VARIABLE", help="Leave this variable as it is; repeatable."),
)


def changes(home: Home, wish: Wish, who: UserToken, proxy: Running, before: Mapping[str, str]) -> dict[str, Change]:
    """What to change in the environment `before`. Raises ClickException, HomeError or CatalogueError."""
    if proxy.providers is None:
        raise click.ClickException(f"the proxy at {proxy.address} does not know the token of {who.user}")
    trust = child_trust.ensure(home, before)
    facts = Facts(
        proxy=proxy.address,
        user=who.user,
        token=who.token,
        ca=str(trust.ca),
        bundle=str(trust.bundle),
        truststore=str(trust.truststore),
        wgetrc=str(trust.wgetrc),
        php=str(trust.php.parent),
        node_preload=str(config_file("node-proxy.cjs")),
        specs=configuration.known(home).specs,
        available=proxy.providers,
        base_url=wish.base_url,
        token_as_key=wish.token_as_key,
        https_only=wish.https_only,
        keep=frozenset(wish.keep),
    )
    found = child_environment.changes(facts, before)
    for name, change in found.items():
        if change.guessed:
            click.echo(f"mitmvault: {name} {change.why}, and is replaced: --keep {name} leaves it", err=True)
    return found

"""What every command understands, before and after its name: `--home DIR` and `--debug`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from mitmvault.home.layout import Home

T = TypeVar("T", bound=Callable[..., Any])


@dataclass
class Chosen:
    """The choices of one invocation; the innermost place that makes one wins."""

    home: str | None = None
    debug: bool = False


def common_options(command: T) -> T:
    """Add `--home` and `--debug`; read them with `chosen_home()` and `chosen()`."""
    home = click.option(
        "--home",
        metavar="DIR",
        expose_value=False,
        callback=_remember,
        help="The home directory. Else $MITMVAULT_HOME, else ~/.mitmvault.",
    )
    debug = click.option(
        "--debug", is_flag=True, default=None, expose_value=False, callback=_remember, help="Show tracebacks of errors."
    )
    return home(debug(command))


def chosen(context: click.Context | None = None) -> Chosen:
    """The choices of the running command."""
    return (context or click.get_current_context()).ensure_object(Chosen)


def chosen_home() -> Home:
    """The home directory of the running command."""
    return Home.find(chosen().home, os.environ)


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    choices = chosen(context)  # made here even without a value, so that the group's is found by its commands
    if value and parameter.name:  # a flag that is not given is None or False, depending on the version of click
        setattr(choices, parameter.name, value)

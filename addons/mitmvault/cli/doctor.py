"""`mitmvault doctor`: is everything in order, and do the programs of this machine come through? Nothing is changed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial

import click
import msgspec

from mitmvault.cli import doctor_probes, doctor_view, preflight
from mitmvault.cli.options import chosen_home, common_options
from mitmvault.cli.progress import progress
from mitmvault.core.doctor import client_probes, finding, traps
from mitmvault.core.doctor.client_probes import Probe
from mitmvault.core.doctor.finding import FAIL, OK, Finding
from mitmvault.home import checkup, child_trust, configuration, state, user_token
from mitmvault.home.layout import Home, HomeError

LISTEN = ("127.0.0.1", 8080)  # the default of `serve`


@click.command()
@click.option("--client", "clients", multiple=True, metavar="NAME", help="Try this kind of program alone; repeatable.")
@click.option("--no-clients", is_flag=True, help="Try no programs: the home, the proxy and the environment alone.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@common_options
def doctor(clients: tuple[str, ...], no_clients: bool, as_json: bool) -> None:
    """Say what is wrong and what to do: home, vault, authority, proxy, your environment and your programs.

    Each program on PATH (curl, wget, Python, Node, Java, Go, Ruby, PHP, git) makes a real request through the proxy to
    the built-in demo provider. The exit code is 1 if anything has failed; warnings do not count.

    \b
    Examples:
      mitmvault doctor
      mitmvault doctor --client curl --client node
      mitmvault doctor --no-clients --json
    """
    try:
        wanted = () if no_clients else client_probes.chosen(clients)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--client") from None
    home = chosen_home()
    with progress("looking at the home, the proxy and the environment …"):
        found = [*checkup.examine(home, os.environ, time.time()), *_proxy_and_environment(home)]
    found += _programs(home, wanted)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(
            {"ok": not finding.failed(found), "findings": [asdict(one) for one in found]}
        )))  # fmt: skip
    else:
        doctor_view.show(found)
    sys.exit(1 if finding.failed(found) else 0)


def _proxy_and_environment(home: Home) -> Iterator[Finding]:
    try:
        token = user_token.choose(home, None, os.environ).token
    except (HomeError, ValueError, OSError):
        token = None  # the checkup of the users says why, or there are several
    yield checkup.proxy(home, token)
    if state.running(home) is None:
        yield _port()
    try:
        specs = configuration.known(home).specs
    except (ValueError, OSError):
        specs = ()
    at = state.running(home)
    ours = at.address.partition("//")[2] if at else None
    trusts = partial(checkup.trusts, home=home)
    yield from traps.find(os.environ, ours, trusts, child_trust.SYSTEM, specs, checkup.tokens(home))


def _port() -> Finding:
    """Could a proxy listen where `serve` would?"""
    try:
        preflight.check_port(*LISTEN, "--listen")
    except click.ClickException as error:
        text, _, remedy = error.message.partition("; ")
        return Finding("proxy", "port", FAIL, text, remedy)
    return Finding("proxy", "port", OK, f"{LISTEN[0]}:{LISTEN[1]} is free")


def _programs(home: Home, wanted: tuple[Probe, ...]) -> list[Finding]:
    try:
        with _counted(len(wanted)) as done, doctor_probes.scene(home, os.environ) as scene:
            return [doctor_probes.swap(scene), *doctor_probes.probe(scene, wanted, os.environ, done)]
    except (HomeError, click.ClickException, ValueError) as error:
        text = error.message if isinstance(error, click.ClickException) else str(error)
        return [Finding("swap", "proxy", FAIL, f"no proxy to ask through: {text}", "mend what is named above first")]


@contextmanager
def _counted(total: int) -> Iterator[Callable[[str], None]]:
    """Show on stderr, in a terminal, which programs have been tried."""
    if not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    with Progress(TextColumn("{task.description}"), BarColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("asking through the proxy …", total=max(1, total))
        yield lambda name: bar.update(task, advance=1, description=f"{name} …")

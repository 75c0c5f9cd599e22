"""What can be wrong before the proxy runs, as one sentence each: modes, files, ports, options of mitmproxy."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Any

import click

from mitmvault.core.configuration import catalogue, settings
from mitmvault.core.configuration.hostnames import split_authority
from mitmvault.core.configuration.networks import is_loopback
from mitmvault.core.configuration.world import World
from mitmvault.home import configuration
from mitmvault.home.layout import Home
from mitmvault.home.resources import config_file

Address = tuple[str, int]


def listener(listen: str) -> Address:
    """The address of `--listen`. Raises UsageError."""
    address = split_authority(listen, "http")
    if address is None or ":" not in listen:
        raise click.UsageError(f"--listen must be HOST:PORT, such as 127.0.0.1:8080, not {listen!r}")
    return address


def beside(specs: Sequence[str], host: str) -> dict[str, Address | None]:
    """The modes that were asked for, and where each listens. Raises UsageError."""
    from mitmvault.wire import modes  # it imports mitmproxy

    found: dict[str, Address | None] = {}
    for spec in specs:
        try:
            whole = modes.beside(spec, host)
        except ValueError as error:
            raise click.UsageError(f"--mode {spec} is none that mitmvault runs in: {error}") from None
        found[whole] = modes.address(whole)
    return found


def check_files(home: Home, listeners: Sequence[Address]) -> World:
    """Load everything that the proxy will load. Raises ClickException, or what home/configuration.py does."""
    shipped = config_file("providers.yaml").read_text("utf-8")
    for path, read in ((home.settings, settings.load), (home.catalogue, lambda own: catalogue.load(shipped, own))):
        if path.exists():
            try:
                read(path.read_text("utf-8"))
            except ValueError as error:
                raise click.ClickException(f"{path}: {error}") from None
    world = configuration.load(home, os.environ)
    exposed = next((host for host, _ in listeners if not is_loopback(host)), None)
    if exposed and not len(world.users):
        raise click.ClickException(f"nobody could use a proxy on {exposed}: add a user first, mitmvault users add NAME")
    return world


def check_port(host: str, port: int, option: str) -> None:
    """Can we listen there? Raises ClickException; `option` chooses another port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            hint = f"stop the program that uses it, or choose another port with {option}"
            raise click.ClickException(
                f"cannot listen at {host}:{port}: {os.strerror(error.errno or 0)}; {hint}"
            ) from None


def check_options(opts: Any, sets: tuple[str, ...]) -> None:
    """What the addons would refuse while mitmproxy starts, refused now, in one line. Raises ClickException."""
    from mitmvault.addons.posture import KEPT

    asked = {text.partition("=")[0] for text in sets}
    for name, wanted, reason in KEPT:
        if name in asked and getattr(opts, name) != wanted:
            raise click.ClickException(f"mitmvault needs {name}={wanted}: {reason}")

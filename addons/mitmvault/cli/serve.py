"""`mitmvault serve`: set up what is missing, check what can be wrong, run the proxy."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import click
from rich.console import Console

from mitmvault.cli import banner
from mitmvault.cli.options import chosen_home, common_options
from mitmvault.core import catalogue, environment, settings
from mitmvault.core.hostnames import split_authority
from mitmvault.core.networks import is_loopback
from mitmvault.core.vault import is_expired
from mitmvault.core.world import World
from mitmvault.home import configuration, start, store
from mitmvault.home.layout import Home
from mitmvault.home.resources import config_file, entry_script

WEB_PORT = 8081


@click.command()
@click.option("--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT", help="Where to listen.")
@click.option(
    "--mode",
    "modes",
    multiple=True,
    metavar="MODE",
    help="Also take traffic that is redirected: transparent, local, wireguard or socks5; repeatable.",
)
@click.option("--web", is_flag=True, help="Also run mitmweb, to watch the rewriting in a browser.")
@click.option("--web-port", default=WEB_PORT, show_default=True, help="Port of mitmweb on 127.0.0.1.")
@click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="Set an option of mitmproxy; repeatable.")
@click.option(
    "--attached", is_flag=True, help="End when stdin ends, say no more than the address, leave state.json alone."
)
@common_options
def serve(listen: str, modes: tuple[str, ...], web: bool, web_port: int, sets: tuple[str, ...], attached: bool) -> None:
    """Run the proxy; the first time, set it up.

    The first start makes the home directory: an encrypted vault with a demo provider, a crypto token, and one user
    with a fresh token. Then it prints where it listens and two lines to try.

    \b
    Examples:
      mitmvault serve
      mitmvault serve --web
      mitmvault serve --listen 0.0.0.0:8080 --home /srv/mitmvault
      mitmvault serve --mode transparent
      mitmvault serve --mode local:curl
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # the stories are read live, through a pipe as well
    home = chosen_home()
    address = split_authority(listen, "http")
    if address is None or ":" not in listen:
        raise click.UsageError(f"--listen must be HOST:PORT, such as 127.0.0.1:8080, not {listen!r}")
    beside = _beside(modes, address[0])
    listeners = [address, *filter(None, beside.values())]
    console = Console()
    started = start.ensure(home, os.environ)
    home.ca.mkdir(mode=0o700, exist_ok=True)  # mitmproxy would make it readable for all
    for warning in started.warnings:
        click.echo(f"mitmvault: warning: {warning}", err=True)
    for path in started.created:
        click.echo(f"mitmvault: created {path}", err=True)
    exposed = [at for at in listeners if not is_loopback(at[0])]
    world = _check(home, *(exposed or listeners)[0])
    for warning in world.warnings:
        click.echo(f"mitmvault: warning: {warning}", err=True)
    for at in listeners:
        _check_port(*at, "--listen" if at == address else "--mode MODE@PORT")
    if web:
        _check_port("127.0.0.1", web_port, "--web-port")
    try:
        ready = _Address() if attached else _Banner(home, world, console, tuple(beside))
        specs = [_regular(address), *beside]
        asyncio.run(_run(home, specs, web_port if web else None, sets, ready, attached))
    except KeyboardInterrupt:
        sys.exit(130)


class _Banner:
    """An addon that prints the banner when the proxy is ready."""

    def __init__(self, home: Home, world: World, console: Console, beside: tuple[str, ...]) -> None:
        self.home, self.world, self.console, self.beside = home, world, console, beside

    def mitmvault_ready(self, address: str, web: str | None) -> None:
        name, token = _first_user(self.home)
        ca = self.home.ca_certificate
        providers, sources = tuple(self.world.vault.providers), dict(self.world.sources)
        tokens = tuple(dict.fromkeys(token.variable for token in environment.read(os.environ).tokens))
        ready = banner.Ready(address, web, self.home.path, name, token, ca, providers, tokens, sources, self.beside)
        banner.show(ready, self.console)


class _Address:
    """An addon that prints where the proxy listens: for the program that started it."""

    def mitmvault_ready(self, address: str, web: str | None) -> None:
        click.echo(address)
        sys.stdout.flush()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)  # whoever started us reads one line; a full pipe would stop us
        os.close(nowhere)


def _regular(address: tuple[str, int]) -> str:
    return f"regular@{address[0]}:{address[1]}"


def _beside(specs: Sequence[str], host: str) -> dict[str, tuple[str, int] | None]:
    """The modes that were asked for, and where each listens. Raises UsageError."""
    from mitmvault.wire import modes  # it imports mitmproxy

    found: dict[str, tuple[str, int] | None] = {}
    for spec in specs:
        try:
            whole = modes.beside(spec, host)
        except ValueError as error:
            raise click.UsageError(f"--mode {spec} is none that mitmvault runs in: {error}") from None
        found[whole] = modes.address(whole)
    return found


def _first_user(home: Home) -> tuple[str, str | None]:
    for name, entry in store.load_users_document(home).items():
        if not is_expired(str(entry.get("type", ""))):
            return name, entry.get("key")
    return "(none: add one with mitmvault users add NAME)", None


def _check(home: Home, host: str, port: int) -> World:
    """Load everything that the proxy will load, so that what is wrong is one sentence now."""
    shipped = config_file("providers.yaml").read_text("utf-8")
    for path, read in ((home.settings, settings.load), (home.catalogue, lambda own: catalogue.load(shipped, own))):
        if path.exists():
            try:
                read(path.read_text("utf-8"))
            except ValueError as error:
                raise click.ClickException(f"{path}: {error}") from None
    world = configuration.load(home, os.environ)
    if not len(world.users) and not is_loopback(host):
        raise click.ClickException(f"nobody could use a proxy on {host}: add a user first, mitmvault users add NAME")
    return world


def _check_port(host: str, port: int, option: str) -> None:
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


def _check_options(opts: Any, sets: tuple[str, ...]) -> None:
    """What the addons would refuse while mitmproxy starts, refused now, in one line."""
    from mitmvault.addons.posture import KEPT

    asked = {text.partition("=")[0] for text in sets}
    for name, wanted, reason in KEPT:
        if name in asked and getattr(opts, name) != wanted:
            raise click.ClickException(f"mitmvault needs {name}={wanted}: {reason}")


def _ignore_cancelled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """asyncio of Python 3.11.7 and 3.12.1 reports connections that are cancelled at the end as errors."""
    if not isinstance(context.get("exception"), asyncio.CancelledError):
        loop.default_exception_handler(context)


def _until_stdin_ends(loop: asyncio.AbstractEventLoop, then: Callable[[], None]) -> None:
    """Whoever started us holds the other end, and the kernel closes it when they are gone, whatever happened."""
    with suppress(OSError):
        while os.read(0, 65536):
            pass
    with suppress(RuntimeError):  # we have ended by ourselves
        loop.call_soon_threadsafe(then)


async def _run(
    home: Home, modes: Sequence[str], web_port: int | None, sets: tuple[str, ...], ready: object, attached: bool
) -> None:
    """mitmproxy with our entry script. Imported here: `mitmvault --help` need not wait for it."""
    from mitmproxy import exceptions, options, optmanager
    from mitmproxy.tools.dump import DumpMaster

    from mitmvault.addons.switchboard import install

    install()  # before anything listens
    opts = options.Options()
    if web_port is None:
        master: Any = DumpMaster(opts, with_dumper=False)
    else:
        from mitmproxy.tools.web.master import WebMaster

        master = WebMaster(opts)
    values: dict[str, Any] = {
        "confdir": str(home.ca),
        "mode": list(modes),
        "scripts": [str(entry_script())],
        "termlog_verbosity": "alert",
    }
    if web_port is not None:
        values |= {"web_host": "127.0.0.1", "web_port": web_port, "web_open_browser": False}
    opts.update_defer(mitmvault_home=str(home.path), mitmvault_announce=not attached, **values)
    master.addons.add(ready)
    try:
        optmanager.load_paths(opts, str(home.ca / "config.yaml"))
        opts.set(*sets, defer=True)
    except (exceptions.OptionsError, ValueError) as error:
        raise click.ClickException(f"cannot set an option of mitmproxy: {error}") from None
    _check_options(opts, sets)
    logging.getLogger().setLevel(logging.INFO)  # for mitmweb's event log; the terminal shows the stories alone
    for talkative in ("tornado", "asyncio", "urwid", "mitmproxy_rs"):  # as mitmproxy's own command lines do
        logging.getLogger(talkative).setLevel(logging.WARNING)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_ignore_cancelled)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, master.shutdown)
    if attached:
        threading.Thread(target=_until_stdin_ends, args=(loop, master.shutdown), daemon=True).start()
    await master.run()

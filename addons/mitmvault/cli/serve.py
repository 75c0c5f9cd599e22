"""`mitmvault serve`: set up what is missing, check what can be wrong, run the proxy."""

from __future__ import annotations

import asyncio
import io
import os
import sys

import click

from mitmvault.cli import preflight, proxying, ready
from mitmvault.cli.options import chosen_home, common_options
from mitmvault.cli.progress import progress
from mitmvault.home import start

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
@click.option("-q", "--quiet", is_flag=True, help="Only the address instead of the banner, which shows a token.")
@click.option(
    "--attached", is_flag=True, help="End when stdin ends, say no more than the address, leave state.json alone."
)
@common_options
def serve(
    listen: str,
    modes: tuple[str, ...],
    web: bool,
    web_port: int,
    sets: tuple[str, ...],
    quiet: bool,
    attached: bool,
) -> None:
    """Run the proxy; the first time, set it up.

    The first start makes the home directory: an encrypted vault with a demo provider, a crypto token, one user with
    a fresh token, and a certificate authority. Then it prints where it listens and two lines to try.

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
    address = preflight.listener(listen)
    beside = preflight.beside(modes, address[0])
    listeners = [address, *filter(None, beside.values())]
    with progress("Looking after the home directory …"):
        started = start.ensure(home, os.environ)
    for warning in started.warnings:
        click.echo(f"mitmvault: warning: {warning}", err=True)
    for path in started.created:
        click.echo(f"mitmvault: created {path}", err=True)
    world = preflight.check_files(home, listeners)
    for warning in world.warnings:
        click.echo(f"mitmvault: warning: {warning}", err=True)
    for at in listeners:
        preflight.check_port(*at, "--listen" if at == address else "--mode MODE@PORT")
    if web:
        preflight.check_port("127.0.0.1", web_port, "--web-port")
    says: object = ready.Quiet() if quiet else ready.Banner(home, world, tuple(beside))
    if world.settings.log_format == "json":
        says = ready.Json()
    if attached:
        says = ready.Attached()
    specs = [f"regular@{address[0]}:{address[1]}", *beside]
    try:
        asyncio.run(proxying.run(home, specs, web_port if web else None, sets, says, attached))
    except KeyboardInterrupt:
        sys.exit(130)

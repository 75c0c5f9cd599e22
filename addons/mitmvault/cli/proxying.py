"""mitmproxy with our addons, run until a signal ends it.

Rules: 1. mitmproxy is imported here and when it runs: `mitmvault --help` need not wait for it.
       2. The terminal shows the stories alone; mitmproxy's own log is for mitmweb.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import click

from mitmvault.cli import preflight
from mitmvault.cli.garbage import Garbage
from mitmvault.home.layout import Home
from mitmvault.home.resources import entry_script


async def run(
    home: Home, modes: Sequence[str], web_port: int | None, sets: tuple[str, ...], ready: object, attached: bool
) -> None:
    """Run the proxy. `ready` is told when it listens; `attached`: it ends when stdin does, and announces nothing."""
    from mitmproxy import exceptions, optmanager

    from mitmvault.addons.switchboard import install

    install()  # before anything listens
    master, values = _master(web_port)
    opts = master.options
    values |= {
        "confdir": str(home.ca),
        "mode": list(modes),
        "scripts": [str(entry_script())],
        "termlog_verbosity": "alert",
    }
    opts.update_defer(mitmvault_home=str(home.path), mitmvault_announce=not attached, **values)
    master.addons.add(ready, Garbage())
    try:
        optmanager.load_paths(opts, str(home.ca / "config.yaml"))
        opts.set(*sets, defer=True)
    except (exceptions.OptionsError, ValueError) as error:
        raise click.ClickException(f"cannot set an option of mitmproxy: {error}") from None
    preflight.check_options(opts, sets)
    logging.getLogger().setLevel(logging.INFO)
    for talkative in ("tornado", "asyncio", "urwid", "mitmproxy_rs"):  # as mitmproxy's own command lines do
        logging.getLogger(talkative).setLevel(logging.WARNING)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_ignore_cancelled)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, master.shutdown)
    if attached:
        threading.Thread(target=_until_stdin_ends, args=(loop, master.shutdown), daemon=True).start()
    await master.run()


def _master(web_port: int | None) -> tuple[Any, dict[str, Any]]:
    """mitmdump or mitmweb, and the options that only it has."""
    from mitmproxy import options

    if web_port is None:
        from mitmproxy.tools.dump import DumpMaster

        return DumpMaster(options.Options(), with_dumper=False), {}
    from mitmproxy.tools.web.master import WebMaster

    columns = ["icon", "method", "path", "comment", "status", "size", "time"]  # the comment is the story
    values = {"web_host": "127.0.0.1", "web_port": web_port, "web_open_browser": False, "web_columns": columns}
    return WebMaster(options.Options()), values


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

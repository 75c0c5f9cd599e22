"""Says that the proxy is ready: to the home's state file, and to other addons by the event `mitmvault_ready`."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from dataclasses import dataclass

from mitmproxy import ctx, hooks
from mitmproxy.addonmanager import Loader

from mitmvault.addons.control import Control
from mitmvault.addons.keeper import Keeper
from mitmvault.addons.tasks import spawn
from mitmvault.home import state
from mitmvault.wire import modes

logger = logging.getLogger(__name__)
_POLL = 0.02  # seconds; mitmproxy has no event for "listens"


@dataclass
class MitmvaultReadyHook(hooks.Hook):
    """The listener is up and requests are served."""

    address: str
    web: str | None


class Presence:
    """Waits for the listener, then announces it; takes the announcement back at the end."""

    def __init__(self, keeper: Keeper, control: Control) -> None:
        self.keeper = keeper
        self.control = control
        self._waiting: asyncio.Task[None] | None = None

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "mitmvault_announce", bool, True, "Say where the proxy listens in the home's state.json, for our commands."
        )

    def running(self) -> None:
        self._waiting = spawn(self._announce(), "Presence.running")

    def done(self) -> None:
        if self._waiting:
            self._waiting.cancel()
        if self.keeper.current:
            state.remove(self.keeper.home, os.getpid())

    async def _announce(self) -> None:
        proxyserver = ctx.master.addons.get("proxyserver")
        await modes.listen_as_told(proxyserver)
        while not (found := proxyserver.listen_addrs()):
            await asyncio.sleep(_POLL)
        host, port = found[0][:2]
        address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        web = _web_address()
        if ctx.options.mitmvault_announce:
            state.write(self.keeper.home, state.State(os.getpid(), address, web, time.time(), self.control.path))
        await ctx.master.addons.trigger_event(MitmvaultReadyHook(address, web))


def _web_address() -> str | None:
    """Where mitmweb is, if this is mitmweb; from 11.1 on with the token that opens it."""
    if "web_port" not in ctx.options:
        return None
    auth = ctx.master.addons.get("webauth")
    return str(auth.web_url) if auth else f"http://{ctx.options.web_host}:{ctx.options.web_port}/"

"""The vault over HTTP, at the proxy's own address and out of sight: its requests never become flows.

Rules: 1. A connection that begins with a request for the vault is passed on to a server of ours (wire/relay.py).
       2. The core decides whether the request is for us. Nothing is answered while the switch is off.
       3. PBKDF2 and the disk are left to a thread, one request at a time, so that the throttle counts right.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mitmproxy.log import ALERT

from mitmvault.addons.fail_closed import report
from mitmvault.addons.keeper import Keeper
from mitmvault.core.configuration.world import World
from mitmvault.core.formats.printable import printable
from mitmvault.core.message import cors
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.pages import vault_api
from mitmvault.core.refusal import Answer, Refusal
from mitmvault.home.layout import HomeError
from mitmvault.home.vault_access import VaultAccess
from mitmvault.local.unseen_server import UnseenServer
from mitmvault.wire import relay, switch

logger = logging.getLogger(__name__)


class VaultApi:
    """Starts and stops the server, sends connections to it, and answers for it."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self._access = VaultAccess(os.environ)
        self._server = UnseenServer(self, relay.listener_of)
        self._port = 0
        self._turn = asyncio.Lock()

    def running(self) -> None:
        self._port = self._server.start()
        self.keeper.ports.add(self._port)

    def done(self) -> None:
        self._port = 0
        self._server.stop()

    def next_layer(self, layer: Any) -> None:
        """Should this fail, the request becomes a flow, and is refused."""
        try:
            if self._port:
                relay.offer(layer, vault_api.begins, self._port)
        except Exception as error:
            report("VaultApi.next_layer", error)

    async def head(self, arrival: Arrival) -> Answer | None:
        """The answer to all but an upload that is welcome. Raises Refusal."""
        world = await self._world()
        vault_api.check(world, arrival)
        found = cors.preflight(world.settings, arrival) or vault_api.not_allowed(arrival)
        if found is None:
            found = await self._carry_out(lambda: self._heard(arrival, world.settings.public_vault))
        return self._told(world, arrival, found) if found else None

    async def whole(self, arrival: Arrival, body: bytes) -> Answer:
        """The answer to an upload. Raises Refusal."""
        world = await self._world()
        found = await self._carry_out(lambda: self._access.write(self.keeper.home, arrival, body))
        assert found is not None
        return self._told(world, arrival, found)

    async def _world(self) -> World:
        world = await self.keeper.world() if switch.is_on() else None
        if world is None:
            raise Refusal("not_ready", "mitmvault is not ready yet.")
        return world

    def _heard(self, arrival: Arrival, public: bool) -> Answer | None:
        refused = self._access.refused(self.keeper.home, arrival, public)
        if refused or arrival.method not in vault_api.READS:
            return refused
        return self._access.read(self.keeper.home, arrival)

    async def _carry_out(self, work: Callable[[], Answer | None]) -> Answer | None:
        try:
            async with self._turn:
                return await asyncio.to_thread(work)
        except (HomeError, OSError) as error:
            logger.error("the vault could not be read or written: %s", error)
            return vault_api.failure(500, "Failed to read or store the vault", "The proxy's log says why.")

    def _told(self, world: World, arrival: Arrival, found: Answer) -> Answer:
        logger.log(ALERT, "vault · %s %s · %s", printable(arrival.method), vault_api.path_of(arrival), found.status)
        return replace(found, headers=found.headers + cors.headers(world.settings, arrival))

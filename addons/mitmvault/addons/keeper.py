"""Keeps the world of this moment, and makes it anew when a file of the home has changed.

Rules: 1. A change on disk is in force for the next request. Streams under way keep the world they began with.
       2. A file that does not load is reported once and not used; the world stays as it was.
       3. PBKDF2 runs in a thread: the event loop goes on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mitmproxy import ctx, exceptions

from mitmvault.addons.tasks import spawn
from mitmvault.core.configuration import settings
from mitmvault.core.configuration.networks import is_loopback
from mitmvault.core.configuration.world import World
from mitmvault.home import configuration, trust
from mitmvault.home.layout import Home, HomeError
from mitmvault.home.start import ensure
from mitmvault.wire import limits, log_format, meter, modes

logger = logging.getLogger(__name__)
Signature = tuple[tuple[int, int, int, int] | None, ...]


@dataclass
class Loads:
    """How often everything was loaded, whether what lies on the disk is in force, and since when (UNIX time)."""

    good: int = 0
    failed: int = 0
    ok: bool = False
    at: float = 0.0

    def loaded(self) -> None:
        """A new world is in force."""
        self.good, self.ok, self.at = self.good + 1, True, time.time()

    def broke(self) -> None:
        """A changed file did not load."""
        self.failed, self.ok = self.failed + 1, False


class Keeper:
    """The one holder of the world."""

    def __init__(self) -> None:
        self.home = Home(Path())
        self.embedded: dict[str, str] = {}  # filled by the addon that serves the demo provider
        self.ports: set[int] = set()  # what else this process listens at
        self.loads = Loads()
        self._world: World | None = None
        self._seen: Signature = ()
        self._lock: asyncio.Lock | None = None
        self._trusting = False  # is upstream_ca in force?

    def running(self) -> None:
        """Load everything once. What is wrong now keeps mitmproxy from starting."""
        self._lock = asyncio.Lock()
        self.home = Home.find(ctx.options.mitmvault_home or None, os.environ)
        try:
            ensure(self.home, os.environ)
            self._seen = self._signature()
            world = self._load()
            self._apply(world.settings)
            if not len(world.users) and not world.loopback_bind:
                raise HomeError("nobody could use a proxy that others can reach: add a user, mitmvault users add NAME")
            self._world = world
            self.loads.loaded()
            for warning in world.warnings:
                logger.warning("%s", warning)
        except (HomeError, ValueError, OSError) as error:
            logger.error("mitmvault cannot start: %s", error)
            raise exceptions.OptionsError(str(error)) from None

    @property
    def current(self) -> World | None:
        """The world as it was last loaded."""
        return self._world

    async def world(self) -> World | None:
        """The world as the files say it is now; None before the first one is loaded."""
        if self._signature() != self._seen and self._lock is not None:
            async with self._lock:
                await self._reload()
        return self._world

    def reload(self) -> None:
        """Read the files again, whether or not they have changed. Requests wait; the log says what came of it."""
        self._seen = ()
        spawn(self.world(), "Keeper.reload")

    async def _reload(self) -> None:
        signature = self._signature()
        if signature == self._seen:  # another request has done it
            return
        try:
            world = await asyncio.to_thread(self._load)
            self._apply(world.settings)
            self._world = world
        except (HomeError, ValueError, OSError) as error:
            self.loads.broke()
            logger.error("a changed file is not used, the previous one stays in force: %s", error)
        except Exception as error:  # a bug of ours; its text may quote the file
            self.loads.broke()
            logger.error("a changed file is not used, the previous one stays in force: %s", type(error).__name__)
        else:
            self.loads.loaded()
            logger.warning("reloaded: vault and users of %s are in force", self.home.path)
        self._seen = signature  # only now: until then, every request waits for the new world

    def _load(self) -> World:
        return configuration.load(
            self.home,
            os.environ,
            embedded=dict(self.embedded),
            own_ports=frozenset(self._own_ports()),
            loopback_bind=all(map(is_loopback, modes.listen_hosts(ctx.options.mode, ctx.options.listen_host))),
        )

    def _apply(self, wanted: settings.Settings) -> None:
        """Settings that mitmproxy and the wire ring obey."""
        limits.set_idle_timeout(wanted.idle_timeout)
        meter.show(wanted.response_headers)
        log_format.choose(wanted.log_format)
        ours = str(trust.bundle(self.home, wanted.upstream_ca)) if wanted.upstream_ca else None
        if ours or self._trusting:  # what was set on mitmproxy's own command line stays, unless we replaced it
            ctx.options.update(ssl_verify_upstream_trusted_ca=ours)
        self._trusting = ours is not None

    def _own_ports(self) -> Iterator[int]:
        """What this process listens at: never a destination for clients."""
        yield from self.ports
        yield from modes.listen_ports(ctx.options.mode, ctx.options.listen_port)
        for endpoint in self.embedded.values():
            yield urlsplit(endpoint).port or 0
        if "web_port" in ctx.options:
            yield ctx.options.web_port

    def _signature(self) -> Signature:
        home = self.home
        return tuple(_stamp(path) for path in (home.vault, home.users, home.settings, home.catalogue, home.cryptoken))


def _stamp(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino

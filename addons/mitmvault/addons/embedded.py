"""Runs the demo provider inside this process, so that the first request needs no account and no internet."""

from __future__ import annotations

from mitmvault.addons.keeper import Keeper
from mitmvault.local.demo import Demo


class Embedded:
    """Starts and stops what mitmvault serves itself, before the keeper makes the first world."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self._demo = Demo(self._is_user_token)

    def running(self) -> None:
        self.keeper.embedded["demo"] = f"http://127.0.0.1:{self._demo.start()}"

    def done(self) -> None:
        self._demo.stop()

    def _is_user_token(self, text: str) -> bool:
        world = self.keeper.current
        return world is not None and world.users.find(text) is not None

"""Asks for one of our own pages without a proxy: what the gate does, for unit tests."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from mitmvault.core.configuration.world import World
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.pages.page import find
from mitmvault.core.refusal import Answer
from mitmvault.local.pages import PAGES, answer
from tests.worlds import arrival

NOW = 1_767_225_600.25  # 2026-01-01T00:00:00.250Z


def page(world: World, came: Arrival, body: bytes = b"") -> Answer | None:
    """The answer of mitmvault's own; None when the request is somebody else's. Raises Refusal."""
    found = find(PAGES, world, came, NOW)
    return asyncio.run(answer(found, body)) if found else None


def get(world: World, target: str, *headers: tuple[str, str], **fields: Any) -> Any:
    """The JSON of a page."""
    made = page(world, arrival(target, *headers, **({"method": "GET"} | fields)))
    return made and msgspec.json.decode(made.body)

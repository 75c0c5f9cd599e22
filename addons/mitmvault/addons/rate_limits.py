"""Holds callers to the rate that the settings allow, before anything else is asked of them."""

from __future__ import annotations

import time

from mitmproxy import http

from mitmvault.core.configuration.rate_limit import RateLimit
from mitmvault.core.configuration.world import World
from mitmvault.core.decide import dialect
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.refusal import Refusal
from mitmvault.local.pages import is_public


class RateLimits:
    """Counts requests by the client's address and the path that it asks for."""

    def __init__(self) -> None:
        self._counts = RateLimit()

    def check(self, flow: http.HTTPFlow, arrival: Arrival, world: World) -> None:
        """Raises Refusal when this address asks this path too often. Public pages and our own requests do not count."""
        rate, peer = world.settings.rate_limit, flow.client_conn.peername
        path = arrival.target.partition("?")[0]
        own = flow.metadata.get("mitmvault_inquiry")  # whoever caused it was counted
        if rate is None or peer is None or own or is_public(arrival.method, path):
            return
        if wait := self._counts.wait(rate, f"{peer[0]} {path}", time.monotonic()):
            text = f"Too many requests: try again in {wait} seconds (rate_limit)."
            raise Refusal("rate_limited", text, dialect(world, arrival), (("retry-after", str(wait)),))

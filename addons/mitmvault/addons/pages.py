"""Our own pages on a flow, and our own requests to our own listener that some of them make."""

from __future__ import annotations

import time
from functools import partial

from mitmproxy import http

from mitmvault.addons.fail_closed import refuse
from mitmvault.core.configuration.users import User
from mitmvault.core.configuration.world import World
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.message.credentials import INQUIRY
from mitmvault.core.pages.page import Found, Shown, find
from mitmvault.core.refusal import Refusal
from mitmvault.local.inquiry import Inquiries
from mitmvault.local.pages import PAGES, answer
from mitmvault.wire.stream import response_of


class Pages:
    """Finds and answers pages; knows which requests are our own."""

    def __init__(self) -> None:
        self._inquiries = Inquiries()
        self.metrics: Shown | None = None  # what /metrics shows, for this header Accept

    def asker(self, flow: http.HTTPFlow, arrival: Arrival, world: World) -> User | None:
        """The user for whom we ask ourselves; None for every request that is not our own, whatever it says."""
        nonce = arrival.value(INQUIRY)
        if not nonce or not arrival.local:
            return None
        name = self._inquiries.redeem(nonce, f"{arrival.method} {arrival.target}")
        flow.metadata["mitmvault_inquiry"] = name is not None
        return world.users.named(name) if name else None

    def find(self, world: World, arrival: Arrival) -> Found | None:
        """The page that a request asks for. Raises Refusal."""
        return find(PAGES, world, arrival, time.time())

    async def answer(self, flow: http.HTTPFlow, found: Found, body: bytes = b"") -> bool:
        """Answer a page; False when the request is to go on to a provider."""
        asked = found.asked
        ask = partial(self._inquiries.ask, asked.arrival.listener, asked.user.name) if asked.user else None
        try:
            made = await answer(found, body, ask, self.metrics)
        except Refusal as refusal:
            refuse(flow, refusal)
            return True
        if made:
            flow.response = response_of(made)
        return made is not None

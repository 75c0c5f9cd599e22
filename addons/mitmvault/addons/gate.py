"""The gate: authenticate, route, redact, permit. Thin: the core decides, the flow is edited. (DESIGN section 4)

Rules: 1. The user's token is out of the flow before any observer sees it, on the refusing path too.
       2. A refusal is answered before the body is read.
       3. Nothing leaves without a permit of the core (grants.py puts it into effect).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from mitmproxy import http

from mitmvault.addons.arrivals import (
    arrival_of,
    arrival_of_replay,
    has_false_version,
    hide,
    keep_arrival,
    keep_body,
    remember,
    replayed_user,
)
from mitmvault.addons.attempts import Plan
from mitmvault.addons.cloud_tokens import CloudTokens
from mitmvault.addons.fail_closed import fail_closed, refuse
from mitmvault.addons.grants import grant, keep_shown
from mitmvault.addons.keeper import Keeper
from mitmvault.addons.pages import Pages
from mitmvault.addons.rate_limits import RateLimits
from mitmvault.addons.tunnels import Tunnels
from mitmvault.core.answer.attempts import expand
from mitmvault.core.configuration.world import World
from mitmvault.core.decide import admit, settle
from mitmvault.core.message import cors
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.message.session import session_of
from mitmvault.core.pages import ui, vault_api
from mitmvault.core.pages.page import Found
from mitmvault.core.refusal import Refusal
from mitmvault.core.route.detours import follow
from mitmvault.core.route.keys import Rotation
from mitmvault.core.route.place import is_own
from mitmvault.core.route.universal import in_turn, unwrapped
from mitmvault.core.verdict import Admission, Permit, Several, Undecided
from mitmvault.wire import permits
from mitmvault.wire.stream import BodyPolicy, response_of, set_body_policy

_PENDING = "_mitmvault_pending"


@dataclass(frozen=True)
class Pending:
    """A request whose head is admitted and whose body is on its way."""

    world: World
    arrival: Arrival
    admission: Admission | Undecided | Several | Found


def arrival_of_pending(flow: http.HTTPFlow) -> Arrival | None:
    """The arrival that was decided about; None for a flow that was refused at its head, or is a page of ours."""
    pending = flow.request.__dict__.get(_PENDING)
    return pending.arrival if pending else None


class Gate:
    """Every request passes here, and nowhere else is a permit given."""

    def __init__(self, keeper: Keeper, tunnels: Tunnels) -> None:
        self.keeper = keeper
        self.tunnels = tunnels
        self.rotation = Rotation()
        self.limits = RateLimits()
        self.clouds = CloudTokens()
        self.pages = Pages()

    @fail_closed
    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        original = arrival_of(flow, self.tunnels.has(flow.client_conn), None)
        hide(flow.request)
        keep_shown(flow.request)
        permits.detach(flow.request)
        if flow.error:  # not valid HTTP; mitmproxy answers, and would quote it
            flow.error.msg = "The request is not valid HTTP."
            return
        try:
            await self._meet(flow, original, await self.keeper.world())
        except Refusal as refusal:
            refuse(flow, refusal)

    @fail_closed
    async def request(self, flow: http.HTTPFlow) -> None:
        if flow.response or flow.error or permits.of(flow.request):  # refused, or streamed and long gone
            return
        pending, body = flow.request.__dict__[_PENDING], flow.request.raw_content or b""
        if isinstance(pending.admission, Found):
            await self.pages.answer(flow, pending.admission, body)
        else:
            wraps = isinstance(pending.admission, Admission) and pending.admission.target.wraps_body
            again = wraps and flow.is_replay == "request"
            await self._settle(flow, pending, pending.admission, unwrapped(body) if again else body)

    async def _meet(self, flow: http.HTTPFlow, original: Arrival, world: World | None) -> None:
        """Answer our own pages, and wait for the body of what is admitted. Raises Refusal."""
        if world is None:
            raise Refusal("not_ready", "mitmvault is not ready yet.")
        if has_false_version(flow):
            raise Refusal("bad_request", "The request line names a version that this connection does not speak.")
        arrival = self._identified(flow, original, world)
        keep_arrival(flow.request, world, arrival)
        if session := session_of(arrival, world.users):
            flow.metadata["mitmvault_session"] = session
        if allowed := cors.headers(world.settings, arrival):
            flow.metadata["mitmvault_cors"] = [list(pair) for pair in allowed]
        asked = cors.preflight(world.settings, arrival)
        vaults = vault_api.covers(arrival.target)  # its requests must not become flows, and this one has
        if (asked or vaults) and is_own(world, arrival):
            if asked is None:
                raise vault_api.out_of_place()
            flow.response = response_of(asked)
            if vaults:
                flow.response.headers["connection"] = "close"  # or a browser sends what it asked about here, too
            return
        if ui.covers(world, arrival.target) and not arrival.has("x-host-final") and is_own(world, arrival):
            flow.metadata.pop("mitmvault_cors", None)  # no other origin may read it
            flow.response = response_of(ui.out_of_place(arrival))  # its answers hold a session: it must be no flow
            return
        came, arrival = arrival, follow(world, arrival)
        self.limits.check(flow, arrival, world)
        if found := self.pages.find(world, arrival):
            if found.page.body:
                self._expect_body(flow, Pending(world, arrival, found))
                return
            if await self.pages.answer(flow, found):
                return
        admission = admit(world, arrival)
        if isinstance(admission, Refusal):
            raise admission
        remember(flow, came, admission.user)
        if isinstance(admission, Admission):
            await self.clouds.prepare(admission.known.name, admission.known.keys)
        self._expect_body(flow, Pending(world, arrival, admission))

    def _identified(self, flow: http.HTTPFlow, arrival: Arrival, world: World) -> Arrival:
        """The arrival, with whoever vouches for it: its tunnel, we ourselves, or the flow it is a replay of."""
        if flow.is_replay != "request":
            vouched = self.tunnels.owner(flow.client_conn, world) or self.pages.asker(flow, arrival, world)
            return replace(arrival, vouched=vouched)
        user = world.users.named(replayed_user(flow) or "")
        if user is None:
            raise Refusal("unknown_token", "Only flows of users who still have a valid token can be replayed.")
        return arrival_of_replay(flow, user)

    def _expect_body(self, flow: http.HTTPFlow, pending: Pending) -> None:
        """Wait for the body up to the limit, or let it pass unread where nobody needs it."""
        flow.request.__dict__[_PENDING] = pending
        limit = pending.world.settings.body_limit
        if _declared_length(flow.request) > limit:
            self._overflow(flow, pending)
            flow.request.stream = flow.response is None
        else:
            set_body_policy(flow.request, BodyPolicy(limit, lambda: self._overflow(flow, pending)))

    def _overflow(self, flow: http.HTTPFlow, pending: Pending) -> None:
        """The body is larger than what we read: permit it unread, or refuse it."""
        if not isinstance(pending.admission, Found) and not pending.admission.waits:
            self._leave(flow, pending, settle(pending.world, pending.arrival, pending.admission, None), None)
            return
        limit = pending.world.settings.body_limit
        text = f"The request body is larger than {limit} bytes, and it must be read (body_limit)."
        refuse(flow, Refusal("body_too_large", text, pending.admission.dialect))

    async def _settle(
        self, flow: http.HTTPFlow, pending: Pending, admission: Admission | Undecided | Several, body: bytes
    ) -> None:
        verdict = settle(pending.world, pending.arrival, admission, body)
        if isinstance(verdict, Permit):
            keep_body(flow.request, None if verdict.body is None and not verdict.steps else body)
            for permit in (verdict, *verdict.others):
                await self.clouds.prepare(permit.provider, permit.keys)
        self._leave(flow, pending, verdict, body)

    def _leave(self, flow: http.HTTPFlow, pending: Pending, verdict: Permit | Refusal, body: bytes | None) -> None:
        """Let the flow leave as it may, or refuse it. Cannot wait: what keys need was prepared before."""
        try:
            if isinstance(verdict, Refusal):
                raise verdict
            verdict = self.clouds.ready(verdict)
        except Refusal as refusal:
            refuse(flow, refusal)
            return
        again = body is not None and not pending.arrival.websocket  # else there is nothing to send a second time
        retry = pending.world.settings.retry if again else 0
        order = partial(self.rotation.order, choice=pending.arrival.detour.keys)
        plan = expand(tuple(in_turn(permit, order) for permit in (verdict, *verdict.others)), retry)
        Plan(flow, plan, lambda permit: grant(flow, pending.arrival, permit)).start()


def _declared_length(request: http.Request) -> int:
    try:
        return int(request.headers.get("content-length", "0"))
    except ValueError:
        return 0

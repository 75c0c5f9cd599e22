"""The dashboard at /ui/: its requests never become flows, and what it shows is for admins. (core/pages/ui.py)

Rules: 1. Only /ui/session takes a token; wrong ones are throttled. Nothing is answered while the switch is off.
       2. The ledger is read in a thread, one question at a time; the event loop goes on.
       3. Of failures the log has the type and the place. Who signs in is logged, and no token.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from mitmproxy.log import ALERT

from mitmvault import __version__
from mitmvault.addons.fail_closed import report
from mitmvault.addons.keeper import Keeper
from mitmvault.addons.observer import SHORTEST, Observer
from mitmvault.core.configuration.throttle import Throttle
from mitmvault.core.configuration.users import User, digest
from mitmvault.core.configuration.world import World
from mitmvault.core.decide import authenticate
from mitmvault.core.formats.printable import printable
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.pages import ui
from mitmvault.core.pages.page import READ
from mitmvault.core.records import outcome
from mitmvault.core.records.control import ControlError
from mitmvault.core.refusal import Answer, Refusal, answer, json_answer
from mitmvault.home.dashboard import RANGES, Dashboard
from mitmvault.home.ledger import LedgerError
from mitmvault.local import ui_files
from mitmvault.local.ui_sessions import Sessions
from mitmvault.local.unseen_server import UnseenServer
from mitmvault.wire import relay, switch

logger = logging.getLogger(__name__)
FAILURES, PERIOD = 10, 60  # wrong tokens in so many seconds
_FILTERS = ("user", "provider", "model")
T = TypeVar("T")


class Ui:
    """Starts and stops the server, sends connections to it, and answers for it."""

    def __init__(self, keeper: Keeper, observer: Observer) -> None:
        self.keeper = keeper
        self.observer = observer
        self._dashboard = Dashboard()
        self._sessions = Sessions(time.monotonic)
        self._wrong = Throttle(FAILURES, PERIOD)
        self._server = UnseenServer(self, relay.listener_of)
        self._port = 0
        self._turn = asyncio.Lock()
        self._api: Mapping[str, Callable[[User, dict[str, str]], Any]] = {
            "session": self._session,
            "now": self._now,
            "summary": self._summary,
            "tail": self._tail,
            "explain": self._explain,
        }

    def running(self) -> None:
        self._port = self._server.start()
        self.keeper.ports.add(self._port)

    def done(self) -> None:
        self._port = 0
        self._server.stop()

    def next_layer(self, layer: Any) -> None:
        """Should this fail, the request becomes a flow, and is sent here once more."""
        try:
            world = self.keeper.current
            if self._port and world:
                relay.offer(layer, lambda data: ui.begins(world, data), self._port)
        except Exception as error:
            report("Ui.next_layer", error)

    async def head(self, arrival: Arrival) -> Answer | None:
        """The answer to a request. Its body, if any, is not wanted."""
        try:
            return await self._answer(arrival)
        except Refusal as refusal:
            found = answer(refusal)
            return Answer(found.status, found.headers + _extra(found.headers), found.body)

    async def whole(self, arrival: Arrival, body: bytes) -> Answer:
        """No request's body is wanted."""
        raise Refusal("bad_request", "The dashboard takes no bodies.")

    async def _answer(self, arrival: Arrival) -> Answer:
        world = await self.keeper.world() if switch.is_on() else None
        if world is None:
            raise Refusal("not_ready", "mitmvault is not ready yet.")
        ui.check(world, arrival)
        path = ui.path_of(arrival)
        if path == ui.SESSION:
            return self._door(world, arrival)
        if arrival.method not in READ.split(", "):
            raise Refusal("method_not_allowed", "The dashboard is read only.", headers=(("allow", READ),))
        if found := ui_files.file(path):
            return found
        name = path.removeprefix(ui.API)
        if not path.startswith(ui.API) or name not in self._api:
            raise Refusal("not_found", "There is no such page of the dashboard.")
        user = ui.admitted(self._user(world, arrival))
        made = self._api[name](user, ui.query_of(arrival))
        return _json(await made if asyncio.iscoroutine(made) else made)

    def _door(self, world: World, arrival: Arrival) -> Answer:
        """POST signs in with the token of an admin, DELETE signs out."""
        if arrival.method == "DELETE":
            self._sessions.close(ui.cookie(arrival))
            return _json({}, ui.set_cookie(arrival, "", 0))
        if arrival.method != "POST":
            allow = (("allow", "POST, DELETE"),)
            raise Refusal("method_not_allowed", "A session is opened by POST and closed by DELETE.", headers=allow)
        if seconds := self._wrong.wait(time.monotonic()):
            wait = (("retry-after", str(seconds)),)
            raise Refusal("rate_limited", f"Too many wrong tokens: try again in {seconds} s.", headers=wait)
        scheme, _, token = arrival.value("authorization").partition(" ")
        user = world.users.find(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            self._wrong.failed(time.monotonic())
            raise Refusal("unknown_token", "The user token is not valid.")
        ui.admitted(user)
        cookie, page = self._sessions.open(digest(token.strip()))
        logger.log(ALERT, "dashboard · %s signed in", printable(user.name))
        return _json({"user": user.name, "page": page}, ui.set_cookie(arrival, cookie))

    def _user(self, world: World, arrival: Arrival) -> User:
        """Who asks: by a token, else by a session. Raises Refusal."""
        page = arrival.value(ui.UI_PAGE)
        if not page:
            return authenticate(world, arrival)
        token = self._sessions.find(ui.cookie(arrival), page)
        user = world.users.holder(token) if token else None
        if user is None:
            raise Refusal("missing_token", "The session has ended: sign in again.")
        return user

    def _session(self, user: User, query: dict[str, str]) -> dict[str, Any]:
        return {"user": user.name, "version": __version__, "ranges": list(RANGES)}

    def _now(self, user: User, query: dict[str, str]) -> dict[str, Any]:
        return self.observer.status()

    async def _summary(self, user: User, query: dict[str, str]) -> dict[str, Any]:
        chosen = query.get("range", "24h")
        if chosen not in RANGES:
            raise Refusal("bad_request", f"range is one of {', '.join(RANGES)}.")
        return await self._read(lambda: self._dashboard.summary(self.keeper.home.ledger, chosen, _which(query)))

    async def _tail(self, user: User, query: dict[str, str]) -> dict[str, Any]:
        after = query.get("after", "0")
        if not (after.isascii() and after.isdigit() and len(after) < 19):
            raise Refusal("bad_request", "after is the number of a request.")
        path, which = self.keeper.home.ledger, _which(query)
        found = await self._read(lambda: {"requests": self._dashboard.tail(path, int(after), which)})
        return found

    async def _explain(self, user: User, query: dict[str, str]) -> dict[str, Any]:
        flow = query.get("flow", "")[:64]
        try:
            return self.observer.explain(flow)
        except ControlError as error:
            forgotten = str(error)
        missing = Refusal("not_found", f"{forgotten[:1].upper()}{forgotten[1:]}.")
        if len(flow) < SHORTEST:
            raise missing
        told = await self._read(lambda: {"row": self._dashboard.told(self.keeper.home.ledger, flow)})
        if told.get("row") is None:
            raise missing
        return outcome.from_ledger(told["row"])

    async def _read(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What the ledger says, or why it says nothing."""
        try:
            async with self._turn:
                return await asyncio.to_thread(work)
        except LedgerError as error:
            return {"problem": str(error)}


def _which(query: Mapping[str, str]) -> dict[str, str | None]:
    return {name: query.get(name) or None for name in _FILTERS}


def _json(document: Any, *more: tuple[str, str]) -> Answer:
    made = json_answer(document)
    return Answer(made.status, made.headers + _extra(made.headers) + more, made.body)


def _extra(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The security headers that are not there already."""
    names = {name for name, _ in headers}
    return tuple((name, value) for name, value in ui.SECURITY if name not in names)

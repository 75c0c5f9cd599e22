"""The observer: what goes on in this proxy now, and what was decided lately. It answers questions; it changes nothing.

Rules: 1. A request under way is looked at when somebody asks. Only its end costs something: a few sums, a few texts.
       2. The decisions of the last DECISIONS requests are kept, as texts: no permit, no key, no query, no body.
       3. A prefix of a flow's id will do, as long as it is the beginning of one alone.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from mitmproxy import http

from mitmvault import __version__
from mitmvault.addons import counting
from mitmvault.addons.attempts import ATTEMPTS
from mitmvault.addons.bookkeeper import Bookkeeper
from mitmvault.addons.endings import Endings
from mitmvault.addons.gate import arrival_of_pending
from mitmvault.addons.keeper import Keeper
from mitmvault.addons.rows import row
from mitmvault.core import explain
from mitmvault.core.answer.attempts import asked_wait
from mitmvault.core.explain import Explanation
from mitmvault.core.message.arrival import Way
from mitmvault.core.records import outcome, record
from mitmvault.core.records.control import ControlError
from mitmvault.core.records.key_states import TOO_MANY, KeyStates
from mitmvault.core.records.lately import Lately
from mitmvault.core.records.record import Record
from mitmvault.wire import meter, permits

DECISIONS = 500
SHORTEST = 8  # characters of a prefix


class Observer:
    """Hears of every request's end from the bookkeeper, and looks at those under way when it is asked."""

    def __init__(self, keeper: Keeper, bookkeeper: Bookkeeper, endings: Endings) -> None:
        self.keeper = keeper
        self.bookkeeper = bookkeeper
        self.endings = endings
        self.lately = Lately()
        self.keys = KeyStates()
        self._started = time.time()
        self._decisions: OrderedDict[str, dict[str, Any]] = OrderedDict()
        endings.readers.append(self.ended)

    def ended(self, flow: http.HTTPFlow, told: Record) -> None:
        """The bookkeeper has made the row of a request."""
        now = time.time()
        if told.way != record.INQUIRY:  # which no report counts
            self.lately.ended(told, now)
        attempts = flow.metadata.get(ATTEMPTS, [])
        for provider, key, status, wait in _attempts(flow, told, attempts):
            self.keys.attempted(provider, key, status, wait, now)
        self._decisions.pop(flow.id, None)  # a replay has its first life's id
        self._decisions[flow.id] = outcome.whole(self._decision(flow), told, attempts)
        while len(self._decisions) > DECISIONS:
            self._decisions.popitem(last=False)

    def status(self) -> dict[str, Any]:
        """What goes on now. Times are seconds since 1970, ages and waits seconds; None is unknown."""
        self.endings.settle()
        now, world = time.time(), self.keeper.current
        return {
            "version": __version__,
            "started": self._started,
            "now": now,
            "under_way": sorted(self._under_way(now), key=lambda row: row["age"], reverse=True),
            "keys": self.keys.table(world, now) if world else [],
            "errors": self.lately.errors(),
            "minute": self.lately.minute(now),
        }

    def explain(self, flow: str) -> dict[str, Any]:
        """The decision about a request, and what came of it. Raises ControlError."""
        if len(flow) < SHORTEST:
            raise ControlError(f"of a flow's id, at least the first {SHORTEST} characters are needed")
        self.endings.settle()
        under_way = {other.id: other for other in self.endings.under_way() if _user(other)}
        found = {id for id in (*self._decisions, *under_way) if id.startswith(flow)}
        if not found:
            raise ControlError(
                f"no such flow is remembered: the proxy keeps the last {DECISIONS} requests since its start"
            )
        if len(found) > 1:
            raise ControlError(f"{len(found)} flows have ids that begin like this: write more of it")
        (id,) = found
        other = under_way.get(id)
        return {"flow": id} | (outcome.whole(self._decision(other), None) if other else self._decisions[id])

    def steps(self, flow: http.HTTPFlow) -> Iterator[tuple[str, str]]:
        """The decision about a flow and what came of it so far, as (name, text)."""
        yield from self._decision(flow).steps
        attempts = flow.metadata.get(ATTEMPTS, [])
        yield from outcome.steps(row(flow, self.bookkeeper.way(flow), _ended(flow) or time.time()), attempts)

    def _under_way(self, now: float) -> list[dict[str, Any]]:
        found = []
        for flow in self.endings.under_way():
            permit, seen, user = permits.of(flow.request), meter.of(flow.request), _user(flow)
            if user is None:  # a page of ours, or somebody who is about to be refused
                continue
            filled, said = record.permitted(permit), counting.heard(flow)
            took = now - seen.first_byte if seen.first_byte is not None else 0.0
            found.append(
                {
                    "flow": flow.id,
                    "user": record.text(user),
                    "method": record.text(flow.request.method[:16]),
                    "provider": filled.provider,
                    "model": filled.model_sent,
                    "key": filled.key,
                    "phase": "request" if permit is None else "waiting" if seen.first_byte is None else "streaming",
                    "age": max(0.0, now - flow.request.timestamp_start),
                    "attempts": len(flow.metadata.get(ATTEMPTS, ())) or 1,
                    "bytes_in": seen.bytes_in,
                    "bytes_out": seen.bytes_out,
                    "tokens_out": said,  # an estimate
                    "tokens_per_second": said / took if said and took > 0 else None,
                }
            )
        return found

    def _decision(self, flow: http.HTTPFlow) -> Explanation:
        permit, arrival = permits.of(flow.request), arrival_of_pending(flow)
        if permit and arrival:
            return explain.of_flow(arrival, permit)
        way, told = Way(self.bookkeeper.way(flow)), flow.metadata
        if reason := record.reason_of(told.get("mitmvault_refusal")):
            text = str(told.get("mitmvault_refusal_text", ""))
            return explain.of_refusal(way, flow.request.method, flow.request.path, reason, text)
        return Explanation((("way in", explain.WAYS[way]),))


def _ended(flow: http.HTTPFlow) -> float | None:
    """When it ended, in seconds since 1970; None while it is under way."""
    if flow.error:
        return flow.error.timestamp
    return flow.response.timestamp_end if flow.response else None


def _user(flow: http.HTTPFlow) -> str | None:
    permit = permits.of(flow.request)
    return permit.user if permit else flow.metadata.get("mitmvault_user")


def _attempts(flow: http.HTTPFlow, told: Record, attempts: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """(provider, key, status, wait) of each attempt that came to an end."""
    if told.provider is None:
        return []
    found = [(a["provider"], a["key"], a.get("status"), a.get("wait")) for a in attempts if len(a) > 2]
    if len(found) < max(1, len(attempts)) and not (told.aborted and flow.response is None):
        response = flow.response if told.reason is None else None  # else it is ours
        status = response.status_code if response else None
        wait = asked_wait(response.headers) if response and status == TOO_MANY else None
        found.append((told.provider, told.key, status, wait))
    return found

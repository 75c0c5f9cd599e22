"""The attempts of one request: permit after permit, until an answer is worth passing on. Thin: the core decides.

Rules: 1. Each attempt is granted like the first: the same function edits the flow and attaches the permit.
       2. A body that only keys differ for is sent as it was sent before, with whatever an operator has edited.
       3. What is said about an attempt is its provider, its key's label and its status: nothing of its answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mitmproxy import http

from mitmvault.addons.fail_closed import report
from mitmvault.core.answer.attempts import Attempt, Failure, following
from mitmvault.core.verdict import Permit
from mitmvault.wire.retry import set_next_attempt

ATTEMPTS = "mitmvault_attempts"  # in the flow's metadata


class Plan:
    """The permits of a request, in the order in which they are tried, and what came of those that were."""

    def __init__(self, flow: http.HTTPFlow, permits: tuple[Permit, ...], grant: Callable[[Permit], None]) -> None:
        self._flow = flow
        self._permits = permits
        self._grant = grant
        self._original = flow.request.raw_content
        self._index = 0
        self._made: tuple[Attempt, ...] = ()

    def start(self) -> None:
        """Grant the first permit. What a first life of the flow has left behind is no longer in force (replays)."""
        self._flow.metadata.pop(ATTEMPTS, None)
        self._grant(self._permits[0])
        set_next_attempt(self._flow.request, self.next if len(self._permits) > 1 else None)

    def next(self, failed: http.Response | None) -> float | None:
        """Grant the permit after a failed attempt; None: no answer came.

        Returns the seconds to wait before it is sent; None if the failure is final. Does not raise.
        """
        try:
            return self._next(failed)
        except Exception as error:
            report("Plan.next", error)
            return None

    def _next(self, failed: http.Response | None) -> float | None:
        failure = Failure.of(failed.status_code, failed.headers) if failed else Failure(None)
        before = self._index
        self._made += (Attempt(before, failure),)
        found = following(self._permits, self._made)
        if found:
            self._index = found[0]
            permit = self._permits[self._index]
            self._grant(replace(permit, body=self._body(self._permits[before], permit)))
        self._tell(under_way=found is not None)
        return found[1] if found else None

    def _body(self, last: Permit, permit: Permit) -> bytes | None:
        if permit.body is last.body and not permit.slots:  # keys go into the very body that was permitted
            return self._flow.request.raw_content
        return self._original if permit.body is None else permit.body

    def _tell(self, under_way: bool) -> None:
        told = [self._told(attempt.index, attempt.failure) for attempt in self._made]
        if under_way:
            told.append(self._told(self._index, None))
            self._flow.comment += f" · {len(told)} attempts"
        if len(told) > 1:
            self._flow.metadata[ATTEMPTS] = told

    def _told(self, index: int, failure: Failure | None) -> dict[str, Any]:
        permit = self._permits[index]
        told: dict[str, Any] = {"provider": permit.provider, "key": permit.key_label}
        if failure:
            told |= {"status": failure.status} if failure.status else {"failure": "no answer"}
            told |= {} if failure.wait is None else {"wait": failure.wait}  # seconds for which the provider asks
        return told

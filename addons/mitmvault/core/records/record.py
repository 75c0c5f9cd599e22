"""What is kept of one request: a row of the ledger.

Rules: 1. No key, no token, no word of a prompt or an answer, and no query: names, numbers and a key's label.
       2. What is not known is None. It is never written as 0.
       3. Texts are short and printable, numbers fit into 64 bits: whatever a client or an addon has made of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from mitmvault.core import story
from mitmvault.core.formats.printable import printable
from mitmvault.core.refusal import REASONS
from mitmvault.core.verdict import Permit

INQUIRY = "inquiry"  # a way in of mitmvault's own: what it asks a provider itself, for a user (GET /v1/models)
MAX_TEXT = 256
_MAX_NUMBER = 2**63 - 1


class Record(NamedTuple):
    """One request. The names are the columns of the ledger."""

    started: float  # seconds since 1970, when the head came
    user: str | None = None  # None: nobody was authenticated
    session: str | None = None  # that the client named
    way: str | None = None  # listener, tunnel, transparent, or INQUIRY
    method: str | None = None
    provider: str | None = None  # as the vault names it; None: nothing was permitted
    model_asked: str | None = None
    model_sent: str | None = None
    target: str | None = None  # host, with its port unless that is the usual one
    mode: str | None = None  # direct, or the gateway's
    key: str | None = None  # its label, such as `#2 …a1f3`
    attempts: int = 0  # that were sent
    status: int | None = None  # of the answer that the client got; None: it got none
    reason: str | None = None  # from REASONS: why mitmvault refused, or could not answer
    aborted: bool = False  # the client left, or mitmvault was stopped, before the end
    bytes_in: int = 0  # of the body that the client sent
    bytes_out: int = 0  # of the body that it got
    first_byte_ms: float | None = None  # from the head of the request to the first byte of the answer's body
    duration_ms: float = 0.0  # to the last one
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached_read: int | None = None
    tokens_cached_write: int | None = None
    tokens_reasoning: int | None = None
    tokens_source: str | None = None  # who counted them
    cost: float | None = None  # US dollars

    @property
    def story(self) -> str:
        """The request in one line for people. (core/story.py)"""
        if self.provider is None:
            return f"{self.user or 'nobody'} · refused" + (f" · {self.reason}" if self.reason else "")
        key, model = self.key or "of the gateway", (self.model_asked, self.model_sent)
        line = story.begun(self.user, self.provider, self.mode, *model, key, ", " in key)
        line += f" · {self.attempts} attempts" if self.attempts > 1 else ""
        return line + story.counts(self.tokens_in, self.tokens_out, self.tokens_source, self.cost)

    flow: str | None = None  # the id that mitmproxy has given it; a replay has that of its first life
    overhead_ms: float | None = None  # mitmvault's own share of the time, until the answer's head left


class Permitted(NamedTuple):
    """The columns that a permit fills: where to, which model, which key."""

    provider: str | None = None
    model_asked: str | None = None
    model_sent: str | None = None
    target: str | None = None
    mode: str | None = None
    key: str | None = None


class Counted(NamedTuple):
    """The columns that a count of tokens fills."""

    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached_read: int | None = None
    tokens_cached_write: int | None = None
    tokens_reasoning: int | None = None
    tokens_source: str | None = None
    cost: float | None = None


_NOT_PERMITTED, _NOT_COUNTED = Permitted(), Counted()


def permitted(permit: Permit | None) -> Permitted:
    """The columns of a permit; None: there is none."""
    if permit is None:
        return _NOT_PERMITTED
    edit, target = permit.model, permit.target
    asked, sent = (text(edit.asked), text(edit.sent)) if edit else (None, None)
    return Permitted(text(permit.provider), asked, sent, text(target.authority), target.mode, text(permit.key_label))


def counted(usage: object) -> Counted:
    """The columns of what was counted; what is missing or makes no sense is not known."""
    if not isinstance(usage, Mapping):
        return _NOT_COUNTED
    found: Mapping[str, object] = usage
    return Counted(
        _count(found.get("input")),
        _count(found.get("output")),
        _count(found.get("cached_read")),
        _count(found.get("cached_write")),
        _count(found.get("reasoning")),
        text(found.get("source")),
        _cost(found.get("cost")),
    )


def text(value: object) -> str | None:
    """A text of a row (rule 3); None for what is none."""
    return printable(value, MAX_TEXT) if isinstance(value, str) and value else None


def reason_of(value: object) -> str | None:
    """A reason that the table knows, or None."""
    return value if isinstance(value, str) and value in REASONS else None


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= _MAX_NUMBER else None


def _cost(value: object) -> float | None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 and math.isfinite(value)
    return float(value) if good else None  # type: ignore[arg-type]

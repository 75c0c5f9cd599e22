"""Counts the tokens of a WebSocket: of every answer in it, from the messages of its provider.

Rules: 1. It never raises, and keeps numbers alone.
       2. Each answer states its own tokens; a session costs all of them. OpenAI states them once, at an answer's end;
          Gemini as it goes on, so that the newest of a turn counts.

Sources: OpenAI's `response.done` (Realtime) and `response.completed` (Responses); Gemini's Live API:
`BidiGenerateContentServerMessage`, whose `usageMetadata` says `responseTokenCount`, and `serverContent.turnComplete`.
"""

from __future__ import annotations

import re

from mitmvault.core.answer.usage import STATED, Tally, Usage
from mitmvault.core.formats.json_scan import find
from mitmvault.core.formats.usage_shapes import Shape

_TURN_ENDS = re.compile(rb'"turnComplete"\s*:\s*true')
_NUMBERS = tuple(name for name in Usage._fields if name != "source")


class SessionMeter:
    """For one WebSocket: tell it the messages of the provider; then ask for the usage."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._sum = Usage()
        self._turn = Usage()

    def feed(self, message: bytes) -> None:
        """One message. Does not raise."""
        if self._shape.needle.search(message):
            tally = Tally(self._shape)
            for path, value in find(message, self._shape.wanted):
                tally.add(path, value)
            if tally.usage.source == STATED:
                self._turn = tally.usage
        if not self._shape.grows or _TURN_ENDS.search(message):
            self._sum, self._turn = _added(self._sum, self._turn), Usage()

    @property
    def usage(self) -> Usage:
        """What all answers have stated up to now."""
        return _added(self._sum, self._turn)


def _added(one: Usage, other: Usage) -> Usage:
    if other.source != STATED:
        return one
    return Usage(**{name: getattr(one, name) + getattr(other, name) for name in _NUMBERS}, source=STATED)

"""Counts the tokens of one answer from a copy of its bytes, as they pass.

Rules: 1. It never raises, and what it keeps is bounded: what it cannot count is unknown.
       2. Cheap: JSON is skimmed for the few members that count. Of the events of a stream, those are read in which a
          test of bytes finds usage: the first at once (Anthropic's input stands there), of the others the newest
          alone, at the end (numbers of streams are cumulative).
       3. Of a stream whose end states nothing, the text that came is at hand, for an estimate. Of a short one it is
          looked for only then.
"""

from __future__ import annotations

from collections.abc import Mapping

from mitmvault.core.answer import estimate
from mitmvault.core.answer.answer_readers import reader_of
from mitmvault.core.answer.usage import Count, Tally
from mitmvault.core.formats import coding
from mitmvault.core.formats.usage_shapes import SHAPES, Shape

# Headers of an answer that mean something here.
HEADERS = frozenset(
    {"content-type", "content-encoding"}.union(*(shape.headers.values() for shape in SHAPES.values() if shape.headers))
)


class TokenMeter:
    """For one answer: feed it the bytes of the body, encoded as they are; then ask for the count."""

    def __init__(self, shape: Shape, headers: Mapping[str, str]) -> None:
        """`headers`: those of the answer, by names in lower case."""
        self._tally = Tally(shape)
        self._tally.head(headers)
        reader = reader_of(headers.get("content-type", ""))
        self._reader = reader(shape, self._tally) if reader else None
        self._decode = coding.decoder(headers.get("content-encoding", ""))

    def feed(self, data: bytes) -> None:
        """Some more bytes of the body. Does not raise."""
        if self._reader is None or self._decode is None:
            return
        try:
            for piece in self._decode(data):
                self._reader.feed(piece)
        except Exception:  # whatever it is: the answer is worth more than its count
            self._decode = None

    def heard(self) -> int | None:
        """Roughly the tokens that the model has said up to now; None where that is not to be told."""
        if self._reader is None or self._decode is None:
            return None
        return estimate.tokens(*self._reader.said()) or None

    def count(self) -> Count:
        """What has been stated up to now, at the end of the answer or where it was cut off. Does not raise."""
        text, length = b"", 0
        try:
            if self._reader:
                self._reader.end()
                if not self._tally.ended:
                    text, length = self._reader.said()
        except Exception:
            text, length = b"", 0
        tally = self._tally
        if not text:
            return Count(tally.usage, tally.model, tally.cost)
        return Count(tally.usage, tally.model, tally.cost, estimate.unescaped(text), estimate.tokens(text, length))

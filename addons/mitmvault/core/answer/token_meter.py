"""Counts the tokens of one answer from a copy of its bytes, as they pass.

Rules: 1. It never raises, and what it keeps is bounded: what it cannot count is unknown.
       2. Cheap for each chunk: small ones are kept, and read some together. JSON is skimmed for the few members that
          count. Of the events of a stream, those are read in which a test of bytes finds usage: the first at once
          (Anthropic's input stands there), of the others the newest alone, at the end (numbers of streams are
          cumulative).
       3. Of a stream whose end states nothing, the text that came is at hand, for an estimate. Of a short one it is
          looked for only then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from mitmvault.core.answer import estimate
from mitmvault.core.answer.shapes import SHAPES, Shape
from mitmvault.core.answer.usage import Count, Tally
from mitmvault.core.formats import aws_events, coding, sse
from mitmvault.core.formats.json_scan import Scanner, find

EVENT_LIMIT = 8 * 2**20  # bytes of one event: the last one of OpenAI's Responses repeats the whole answer
SHORT = 64 * 1024  # bytes of JSON that are cheaper to read at once than as they come
UNHEARD = 128 * 1024  # bytes of a stream that are kept until an estimate needs them; most never do
TOGETHER = 16  # small chunks that are read at once
SMALL = 4096  # bytes of a chunk that is kept until then
TEXT_LIMIT = 64 * 1024  # bytes of text kept for an estimate; of more, the length is known
# The members of events that hold what the model says. Responses say it twice, first as `delta`.
_SAID = re.compile(
    rb'"(delta|content|text|reasoning|reasoning_content|thinking|arguments|partial_json|response)"\s*:\s*'
    rb'"([^"\\]*(?:\\.[^"\\]*)*)"'
)


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
        reader = _reader(headers.get("content-type", ""))
        self._reader = reader(shape, self._tally) if reader else None
        self._decode = coding.decoder(headers.get("content-encoding", ""))
        self._waiting: list[bytes] = []

    @property
    def reads(self) -> bool:
        """Can anything be found in this body?"""
        return self._reader is not None and self._decode is not None

    def feed(self, data: bytes) -> None:
        """Some more bytes of the body. Does not raise."""
        waiting = self._waiting
        waiting.append(data)
        if len(waiting) >= TOGETHER or len(data) > SMALL:
            self._read()

    def _read(self) -> None:
        data = b"".join(self._waiting)
        self._waiting.clear()
        if self._reader is None or self._decode is None:
            return
        try:
            for piece in self._decode(data):
                self._reader.feed(piece)
        except Exception:  # whatever it is: the answer is worth more than its count
            self._decode = None

    def heard(self) -> int | None:
        """Roughly the tokens that the model has said up to now; None where that is not to be told."""
        self._read()
        if self._reader is None or self._decode is None:
            return None
        return estimate.tokens(*self._reader.said()) or None

    def count(self) -> Count:
        """What has been stated up to now, at the end of the answer or where it was cut off. Does not raise."""
        self._read()
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


class _Json:
    """A document, or an array of them: the newest value of each path counts. A short one is read at its end."""

    def __init__(self, shape: Shape, tally: Tally) -> None:
        self._wanted = shape.wanted
        self._tally = tally
        self._short = bytearray()
        self._scanner: Scanner | None = None
        self._newest: dict[tuple[str, ...], bytes] = {}  # that the scanner has found

    def feed(self, data: bytes) -> None:
        if self._scanner is None:
            self._short += data
            if len(self._short) <= SHORT:
                return
            data, self._short, self._scanner = bytes(self._short), bytearray(), Scanner(self._wanted)
        self._newest.update(self._scanner.feed(data))

    def end(self) -> None:
        for path, raw in self._newest.items() if self._scanner else find(bytes(self._short), self._wanted):
            self._tally.add(path, raw)

    def said(self) -> tuple[bytes, int]:
        return b"", 0


class _Events:
    """Documents one after the other, of which few state usage."""

    def __init__(self, shape: Shape, tally: Tally) -> None:
        self._shape, self._tally = shape, tally
        self._needle = shape.needle
        self._first = True
        self._newest = b""
        self._unheard: list[bytes] = []
        self._waiting = 0  # bytes of it
        self._texts = {True: bytearray(), False: bytearray()}  # by: is it called `delta`?
        self._lengths = {True: 0, False: 0}

    def feed(self, data: bytes) -> None:
        raise NotImplementedError

    def take(self, piece: bytes) -> None:
        """Some whole documents. The first ones that state usage are read; of the others the newest, at the end."""
        self._unheard.append(piece)
        self._waiting += len(piece)
        if self._waiting > UNHEARD:
            self._hear()
        if not self._needle.search(piece):
            return
        if self._first:
            self._first = False
            self._read(piece)
        else:
            self._newest = piece

    def documents(self, piece: bytes) -> Iterable[bytes]:
        """The documents in a piece."""
        return (piece,)

    def _hear(self) -> None:
        """Keep what the model has said."""
        for piece in self._unheard:
            for match in _SAID.finditer(piece):
                delta, text = match[1] == b"delta", match[2]
                self._lengths[delta] += len(text)
                if len(self._texts[delta]) < TEXT_LIMIT:
                    self._texts[delta] += text
        self._unheard.clear()
        self._waiting = 0

    def end(self) -> None:
        self._read(self._newest)
        self._newest = b""

    def said(self) -> tuple[bytes, int]:
        """The text in JSON, or its beginning, and the length of all of it in bytes there."""
        self._hear()
        delta = self._lengths[True] > 0
        return bytes(self._texts[delta]), self._lengths[delta]

    def _read(self, piece: bytes) -> None:
        for document in self.documents(piece):
            if self._needle.search(document):
                for path, raw in find(document, self._shape.wanted):
                    self._tally.add(path, raw)


class _Sse(_Events):
    def __init__(self, shape: Shape, tally: Tally) -> None:
        super().__init__(shape, tally)
        self._splitter = sse.Splitter(EVENT_LIMIT)

    def feed(self, data: bytes) -> None:
        piece, _ = self._splitter.feed(data)
        if piece:
            self.take(piece)

    def end(self) -> None:
        self.take(self._splitter.rest())
        super().end()

    def documents(self, piece: bytes) -> Iterable[bytes]:
        return map(sse.data_of, sse.events(piece))


class _Lines(_Events):
    """A document a line."""

    def __init__(self, shape: Shape, tally: Tally) -> None:
        super().__init__(shape, tally)
        self._held = bytearray()

    def feed(self, data: bytes) -> None:
        self._held += data
        end = self._held.rfind(b"\n", len(self._held) - len(data)) + 1
        if end:
            self.take(bytes(self._held[:end]))
        elif len(self._held) > EVENT_LIMIT:
            end = len(self._held)
        del self._held[:end]

    def end(self) -> None:
        self.take(bytes(self._held))
        self._held.clear()
        super().end()

    def documents(self, piece: bytes) -> Iterable[bytes]:
        return piece.split(b"\n")


class _Frames(_Events):
    def __init__(self, shape: Shape, tally: Tally) -> None:
        super().__init__(shape, tally)
        self._frames = aws_events.Frames(EVENT_LIMIT)

    def feed(self, data: bytes) -> None:
        for payload in self._frames.feed(data):
            self.take(payload)


# What the media type holds -> how the body is read. Other bodies, such as sound, state no tokens.
_READERS: tuple[tuple[str, type[_Json] | type[_Sse] | type[_Lines] | type[_Frames]], ...] = (
    ("event-stream", _Sse),
    ("vnd.amazon.eventstream", _Frames),
    ("ndjson", _Lines),
    ("json", _Json),
)


@lru_cache(maxsize=256)
def _reader(kind: str) -> type[_Json] | type[_Sse] | type[_Lines] | type[_Frames] | None:
    """For a content type."""
    media = kind.partition(";")[0].strip().lower()
    return next((made for part, made in _READERS if part in media), None)

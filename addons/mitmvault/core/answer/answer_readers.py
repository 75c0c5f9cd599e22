"""How bodies of answers are read for their tokens: a document, events, lines, or frames. (core/answer/token_meter.py)

Each is fed the decoded bytes as they come, tells the tally what it finds, at the latest at the `end`, and knows what
the model has said, for an estimate. What is kept is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from mitmvault.core.answer.usage import Tally
from mitmvault.core.formats import aws_events, sse
from mitmvault.core.formats.json_scan import Path, Scanner, find, parsed
from mitmvault.core.formats.usage_shapes import Shape

EVENT_LIMIT = 8 * 2**20  # bytes of one event: the last one of OpenAI's Responses repeats the whole answer
SHORT = 64 * 1024  # bytes of JSON that are cheaper to read at once than as they come
UNHEARD = 128 * 1024  # bytes of a stream that are kept until an estimate needs them; most never do
TEXT_LIMIT = 64 * 1024  # bytes of text kept for an estimate; of more, the length is known
# The members of events that hold what the model says. Responses say it twice, first as `delta`.
_SAID = re.compile(
    rb'"(delta|content|text|reasoning|reasoning_content|thinking|arguments|partial_json|response)"\s*:\s*'
    rb'"([^"\\]*(?:\\.[^"\\]*)*)"'
)


class Json:
    """A document, or an array of them: the newest value of each path counts. A short one is read at its end."""

    def __init__(self, shape: Shape, tally: Tally) -> None:
        self._wanted = shape.wanted
        self._tally = tally
        self._short = bytearray()
        self._scanner: Scanner | None = None
        self._newest: dict[Path, bytes] = {}  # that the scanner has found

    def feed(self, data: bytes) -> None:
        if self._scanner is None:
            self._short += data
            if len(self._short) <= SHORT:
                return
            data, self._short, self._scanner = bytes(self._short), bytearray(), Scanner(self._wanted)
        self._newest.update(self._scanner.feed(data))

    def end(self) -> None:
        found = parsed(self._newest.items()) if self._scanner else find(bytes(self._short), self._wanted)
        for path, value in found:
            self._tally.add(path, value)

    def said(self) -> tuple[bytes, int]:
        return b"", 0


class Events:
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
                for path, value in find(document, self._shape.wanted):
                    self._tally.add(path, value)


class Sse(Events):
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


class Lines(Events):
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


class Frames(Events):
    def __init__(self, shape: Shape, tally: Tally) -> None:
        super().__init__(shape, tally)
        self._frames = aws_events.Frames(EVENT_LIMIT)

    def feed(self, data: bytes) -> None:
        for payload in self._frames.feed(data):
            self.take(payload)


# What the media type holds -> how the body is read. Other bodies, such as sound, state no tokens.
_READERS: tuple[tuple[str, type[Json] | type[Sse] | type[Lines] | type[Frames]], ...] = (
    ("event-stream", Sse),
    ("vnd.amazon.eventstream", Frames),
    ("ndjson", Lines),
    ("json", Json),
)


@lru_cache(maxsize=256)
def reader_of(kind: str) -> type[Json] | type[Sse] | type[Lines] | type[Frames] | None:
    """The reader for a content type; None: such bodies state no tokens."""
    media = kind.partition(";")[0].strip().lower()
    return next((made for part, made in _READERS if part in media), None)

"""Server-sent events in a stream of bytes that is split anywhere.

Rules: 1. An event ends at an empty line; a line ends at CR LF, LF or CR. (WHATWG HTML, section 9.2.6)
       2. Bytes are never changed: the pieces, put together, are the stream.
       3. Memory is bounded: an event longer than the limit comes in several pieces, and is none that anybody reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# A CR at the end of what has come may be half of a CR LF.
_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n|\Z))")
_LINE = re.compile(rb"\r\n|\n|\r")
_OVERLAP = 3  # bytes of an end that may have come before


class Splitter:
    """Cuts a stream after events. `feed` returns all whole events that have come, in one piece."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()
        self.broken = False  # does the next piece begin inside an event that was too long?

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """Some more bytes; returns what is whole (b"" if nothing is), and whether it begins with an event's beginning.

        An event that has grown too long comes as it is, and so does its rest.
        """
        whole, self.broken = not self.broken, self.broken
        if not self._held and data.endswith(b"\n\n"):  # the usual case: a chunk is an event
            self.broken = False
            return data, whole
        start = max(0, len(self._held) - _OVERLAP)
        self._held += data
        end = max((match.end() for match in _END.finditer(self._held, start)), default=0)
        if not end and len(self._held) > self._limit:
            self.broken, end = True, len(self._held)
        elif end:
            self.broken = False
        piece = bytes(self._held[:end])
        del self._held[:end]
        return piece, whole

    def rest(self) -> bytes:
        """What is left at the end of the stream: an event without its empty line, or nothing."""
        rest = bytes(self._held)
        self._held.clear()
        return rest


def events(piece: bytes) -> Iterator[bytes]:
    """The events in a piece, each with the empty line that ends it."""
    start = 0
    for match in _END.finditer(piece):
        yield piece[start : match.end()]
        start = match.end()
    if start < len(piece):
        yield piece[start:]


def data_of(event: bytes) -> bytes:
    """The data of an event: its `data` lines, one below the other."""
    lines = [line[5:] for line in _LINE.split(event) if line.startswith(b"data:")]
    return b"\n".join(line[1:] if line.startswith(b" ") else line for line in lines)

"""Single members of a JSON text that comes in pieces, without keeping the rest of it.

Rules: 1. Memory is bounded: names and values of what is wanted are kept, up to a limit; a longer value is left out.
       2. An array at the top is taken for its elements, and several documents in a row for one after the other: Gemini
          streams one array, other providers a document a line.
       3. Nothing is refused. What is not JSON has no members, or wrong ones: the caller decodes the values.

How: only quotes, brackets, colons and commas are looked at, below wanted objects only quotes and brackets. There, a
piece that does not come back up is passed over at once: without its strings, brackets that close each other go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

import msgspec

Path = tuple[str, ...]
Places = list[tuple[str, Any]]  # names of fields; and the path that a field is wanted for, or its own fields' places

LIMIT = 64 * 1024  # bytes of one value
_NAME_LIMIT = 256
_ON_THE_PATH = re.compile(rb'["{}\[\]:,]')
_BELOW = re.compile(rb'["{}\[\]]')
_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_WHOLE_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_UP_TO_A_HALF_STRING = re.compile(rb'[^"]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"]*+)*+', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))
_BACKSLASH = 0x5C
_SHORT = 512  # bytes that are not worth it
_NESTED = 16


def find(text: bytes, wanted: Iterable[Path]) -> list[tuple[Path, Any]]:
    """The values of the wanted paths in a text that is there as a whole, but for null. Does not raise."""
    decoder, places = _compiled(frozenset(wanted))
    try:
        document = decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # no single object; or no JSON
        return list(parsed(Scanner(wanted).feed(text)))
    found: list[tuple[Path, Any]] = []
    _collect(document, places, found)
    return found


def _collect(structure: Any, places: Places, found: list[tuple[Path, Any]]) -> None:
    for name, wanted in places:
        value = getattr(structure, name)
        if value is None:
            continue
        if isinstance(wanted, tuple):
            found.append((wanted, value))
        else:
            _collect(value, wanted, found)


def parsed(found: Iterable[tuple[Path, bytes]]) -> Iterator[tuple[Path, Any]]:
    """What a scanner has found, but for null and what is not valid JSON."""
    for path, raw in found:
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            value = msgspec.json.decode(raw)
            if value is not None:
                yield path, value


@lru_cache(maxsize=64)
def _compiled(wanted: frozenset[Path]) -> tuple[msgspec.json.Decoder[Any], Places]:
    """What reads the wanted values alone: a structure of them; and what its fields are.

    No wanted path leads through another.
    """

    def structure(above: Path) -> tuple[Any, Places]:
        names = sorted({path[len(above)] for path in wanted if path[: len(above)] == above})
        fields, places = [], []
        for number, name in enumerate(names):
            path, field = (*above, name), f"f{number}"
            inner, below = (Any, path) if path in wanted else structure(path)
            fields.append((field, inner | None, None))
            places.append((field, below))
        return msgspec.defstruct("Wanted", fields, rename=dict(zip([f[0] for f in fields], names, strict=True))), places

    whole, places = structure(())
    return msgspec.json.Decoder(whole), places


class Scanner:
    """Feed it pieces of JSON texts; it returns the raw values of the wanted paths, as they end."""

    def __init__(self, wanted: Iterable[Path], limit: int = LIMIT) -> None:
        self._wanted = frozenset(wanted)
        self._passed = frozenset(path[:n] for path in self._wanted for n in range(1, len(path)))
        self._limit = limit
        self._inside = False  # an object of the top
        self._path: Path = ()  # of the objects that we are in, all of them on the way to something wanted
        self._below = 0  # how many containers deeper than that
        self._name: str | None = None  # of the member whose value comes
        self._string = self._escaped = False
        self._text = b""  # of the last string that may be a name
        self._value: bytearray | None = None  # of what is wanted, up to here

    def feed(self, data: bytes) -> list[tuple[Path, bytes]]:
        """Some more bytes; returns the wanted values that ended in them. Does not raise."""
        found: list[tuple[Path, bytes]] = []
        at = begin = 0  # where to go on, and where the value that is being kept goes on
        step_by_step = 0  # up to here
        while at < len(data):
            if self._string:
                at = self._in_string(data, at)
                continue
            if self._below and at >= step_by_step and len(data) - at > _SHORT:
                at = self._passed_over(data, at)
                step_by_step = at + _SHORT
                continue
            match = (_BELOW if self._below or not self._inside else _ON_THE_PATH).search(data, at)
            if match is None:
                break
            at, mark = match.end(), match[0]
            if mark == b'"':
                self._string, self._text = True, b""
            elif self._below:
                self._below += 1 if mark in b"{[" else -1
            elif not self._inside:
                self._inside = mark == b"{"
            elif mark == b":":
                self._name = _decoded(self._text)
                if (*self._path, self._name) in self._wanted:
                    self._value, begin = bytearray(), at
            elif mark in b"{[":
                self._open(mark)
            else:  # a comma or a closing bracket: the member's end
                if self._value is not None and self._name is not None:
                    self._keep(data[begin : at - 1])
                    if self._value is not None:
                        found.append(((*self._path, self._name), bytes(self._value)))
                self._value = self._name = None
                if mark == b"}":
                    self._inside, self._path = bool(self._path), self._path[:-1]
        if self._value is not None:
            self._keep(data[begin:])
        return found

    def _passed_over(self, data: bytes, at: int) -> int:
        """Pass over what surely stays below, in longer and longer pieces; returns where to go on. Not in a string."""
        length = 2 * _SHORT
        while at < len(data):
            match = _UP_TO_A_HALF_STRING.match(data, at, at + length)
            end = match.end() if match else at
            left = _unmatched(_WHOLE_STRING.sub(b"", data[at:end]))
            closed = left.count(b"}") + left.count(b"]")
            if closed >= self._below or end == at:
                break
            self._below += len(left) - 2 * closed
            at, length = end, 2 * length
        return at

    def _open(self, mark: bytes) -> None:
        path = (*self._path, self._name or "")
        if mark == b"{" and path in self._passed and self._value is None:
            self._path, self._name = path, None
        else:
            self._below = 1

    def _in_string(self, data: bytes, at: int) -> int:
        """Go on inside a string; returns where it ends, or the end of the data."""
        start = at
        at += self._escaped
        self._escaped = False
        match = _STRING.match(data, at)
        at = match.end() if match else len(data)
        if not self._below and self._name is None and len(self._text) <= _NAME_LIMIT:
            self._text += data[start : min(at + 1, start + _NAME_LIMIT)]
        if at < len(data):
            self._escaped = data[at] == _BACKSLASH  # the last byte
            self._string = self._escaped
            at += 1
        return at

    def _keep(self, piece: bytes) -> None:
        if self._value is not None:
            self._value += piece
            if len(self._value) > self._limit:
                self._value = None


def _unmatched(piece: bytes) -> bytes:
    """The brackets of a piece without strings, but for pairs that close each other, if they are not nested deeply."""
    brackets = piece.translate(None, _NO_BRACKETS)
    for _ in range(_NESTED):
        before = len(brackets)
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if len(brackets) == before:
            break
    return brackets


def _decoded(text: bytes) -> str:
    """A name, without its closing quote. One with escapes is not looked for."""
    return text.removesuffix(b'"').decode("utf-8", "replace")

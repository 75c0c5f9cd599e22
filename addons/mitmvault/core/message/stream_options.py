"""`stream_options.include_usage`: asked for where a chat's stream states its tokens on demand alone, and out again.

Rules: 1. Only what is needed is put into the body; every other byte stays, and the real parser proves it (core.span).
       2. Who says anything about include_usage gets what he asks for. A body that cannot be edited safely stays.
       3. The client sees what it asked for: the chunk that we have caused (`choices: []` with usage) is left out, and
          nothing else. Chunks are held until their event is whole.
       4. An encoded stream cannot be edited: none is asked for. One that comes nevertheless passes as it is.

Source: OpenAI's API reference, "stream_options" (2026): one more chunk before `data: [DONE]`, `choices` is empty.
"""

from __future__ import annotations

import re

import msgspec

from mitmvault.core.configuration.spec import Spec
from mitmvault.core.formats import sse
from mitmvault.core.formats.span import GAP, members, renamed
from mitmvault.core.formats.usage_shapes import SHAPES
from mitmvault.core.refusal import Refusal

NAME, WISH = "stream_options", b'"include_usage":true'
HEADERS = (("accept-encoding", "identity"),)  # rule 4
LIMIT = 2**20  # bytes of an event; a longer one is none of ours
_OPTIONS = re.compile(b'"(' + NAME.encode() + b')"')
_EMPTY = re.compile(rb'"choices"\s*:\s*\[\s*\]')


def is_offered(spec: Spec, path: str) -> bool:
    """Is this native path a chat whose streams state usage on demand?"""
    return path.endswith("/chat/completions") and SHAPES[spec.usage_for(path)].asked


def asking(body: bytes) -> bytes | None:
    """The body of a chat, without a coding, with the wish in it; None where it is not to be put in. Does not raise."""
    try:
        return _asking(body)
    except Refusal:
        return None


def _asking(body: bytes) -> bytes | None:
    before = members(body)
    if bytes(before.get("stream", b"")) != b"true":
        return None
    if NAME not in before:
        at, text = body.index(b"{") + 1, b'"' + NAME.encode() + b'":{' + WISH + b"},"
    else:
        options = members(bytes(before[NAME]))
        if "include_usage" in options:
            return None
        at, text = _inside(body, before), WISH + (b"," if options else b"")
    edited = body[:at] + text + body[at:]
    after = members(edited)
    wish = members(bytes(after.pop(NAME)))
    asked = bytes(wish.pop("include_usage", b"")) == b"true"
    proven = asked and wish == members(bytes(before.pop(NAME, b"{}"))) and after == before
    return edited if proven else None


def _inside(body: bytes, before: dict[str, msgspec.Raw]) -> int:
    """Where the object begins that is the only top-level member of this name. Raises Refusal."""
    text, places = renamed(body, before, _OPTIONS)
    aliased = members(text)
    ends = [end for alias, (_, end) in places.items() if alias in aliased]
    gap = GAP.match(body, ends[0]) if len(ends) == 1 and NAME not in aliased else None
    if gap is None:
        raise Refusal("duplicate_field", f"The request body has {NAME!r} twice, or spelled with escapes.")
    return gap.end() + 1


class Leaving:
    """Feed it the chunks of a stream; it returns them without the chunk about usage."""

    def __init__(self) -> None:
        self._splitter = sse.Splitter(LIMIT)

    def feed(self, data: bytes) -> bytes:
        """Some more bytes, b"" at the end; returns what may pass."""
        piece, whole = self._splitter.feed(data) if data else (self._splitter.rest(), not self._splitter.broken)
        if not _EMPTY.search(piece):
            return piece
        found = list(sse.events(piece))
        return b"".join(event for at, event in enumerate(found) if (not whole and not at) or not _is_ours(event))


def _is_ours(event: bytes) -> bool:
    if not _EMPTY.search(event):
        return False
    try:
        chunk = msgspec.json.decode(sse.data_of(event))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return isinstance(chunk, dict) and chunk.get("choices") == [] and isinstance(chunk.get("usage"), dict)

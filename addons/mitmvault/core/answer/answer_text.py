"""What a model said, put together from the body of its answer, and a page about it. For people.

Rules: 1. A stream that was cut off is told as far as it came; what is no JSON is skipped and counted.
       2. What the answer says cannot forge a line of ours: control characters are shown as such.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from mitmvault.core.answer.answer_dialects import read
from mitmvault.core.answer.answer_parts import CALL, Said
from mitmvault.core.formats import sse
from mitmvault.core.formats.document import Document
from mitmvault.core.formats.printable import printable

_LONGEST = 400  # characters of what is not the answer itself
_RULE = 60


def of(body: bytes) -> Said:
    """What a body says: a stream of events, a document, or several of them."""
    said = Said()
    for document in _documents(body, said):
        read(said, document)
    return said


def page(said: Said, usage: str = "", cut: bool = False) -> str:
    """The answer as people read it. `usage` are the counts in words; `cut`: only the body's beginning is there."""
    rows = [
        ("model", said.model),
        ("ended", said.finish or "no word of how: the answer is not whole"),
        ("usage", usage or _stated(said)),
    ]
    rows += [("error", error) for error in said.errors]
    rows += [("skipped", f"{said.skipped} pieces that are no JSON, or cut off")] if said.skipped else []
    rows += [("cut", "the rest was not kept (store_bodies)")] if cut else []
    lines = [f"{name:<9} {printable(text, _LONGEST)}" for name, text in rows if text]
    for part in said.parts.values():
        lines += ["", f"── {part.kind}{f' {printable(part.name, _LONGEST)}' if part.name else ''} ".ljust(_RULE, "─")]
        lines += (printable(line) for line in (_indented(part.text) if part.kind == CALL else part.text).splitlines())
    return "\n".join(lines) + "\n"


def _stated(said: Said) -> str:
    """The provider's own numbers, by its own names."""
    numbers = ((name, value) for name, value in said.usage.items() if isinstance(value, int | float))
    return ", ".join(f"{name} {value}" for name, value in numbers)


def _indented(text: str) -> str:
    """JSON as people read it; anything else, such as arguments that are cut off, as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _documents(body: bytes, said: Said) -> Iterator[Document]:
    if body.lstrip()[:5].lower() in (b"data:", b"event", b":ping") or body.startswith((b":", b"id:", b"retry:")):
        for event in sse.events(body):
            data = sse.data_of(event)
            if data and data.strip() != b"[DONE]":
                found = _parsed(data, said)
                if found is not None:
                    yield found
        return
    text, at, decoder = body.decode("utf-8", "replace"), 0, json.JSONDecoder()
    while (at := _next(text, at)) < len(text):  # documents, one behind the other or in an array
        try:
            found, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            said.skipped += 1
            return
        if isinstance(found, dict):
            yield found


def _next(text: str, at: int) -> int:
    """Where the next document of an array or a row begins."""
    while at < len(text) and text[at] in " \t\r\n,[]\ufeff":
        at += 1
    return at


def _parsed(data: bytes, said: Said) -> Document | None:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        said.skipped += 1
        return None
    return found if isinstance(found, dict) else None

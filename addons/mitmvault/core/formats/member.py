"""Take one top-level member out of a JSON body: its bytes, one comma, the blanks beside it, and nothing else.

Rules: 1. As in core.span: found by renaming candidates at the same length, so that the parser itself says which of
          them stands at the top level.
       2. A name that stands there twice, or is spelled with escapes, is a refusal.
       3. The real parser proves it: decoded before and after, all other members are equal.
"""

from __future__ import annotations

import re

import msgspec

from mitmvault.core.formats.span import GAP, members, renamed
from mitmvault.core.refusal import Refusal

_BLANKS = b" \t\r\n"
_COMMA = re.compile(rb"[ \t\r\n]*,")


def taken(body: bytes, name: str) -> tuple[bytes, str] | None:
    """The object without this member, and the text in it; None when it is not there, or is no text.

    `name` is plain ASCII. Raises Refusal.
    """
    before = members(body)
    if name not in before or not bytes(before[name]).startswith(b'"'):
        return None
    text, places = renamed(body, before, re.compile(b'"(' + name.encode() + b')"'))
    aliased = members(text)
    top = [(alias, end) for alias, (_, end) in places.items() if alias in aliased]
    if len(top) + (name in aliased) > 1:
        raise Refusal("duplicate_field", f"The request body has more than one {name!r} field; send exactly one.")
    if not top:
        raise Refusal("bad_json", f"The field {name!r} must be spelled plainly, without \\u escapes.")
    alias, key_end = top[0]
    edited = _without(body, key_end - len(name) - 2, key_end, len(bytes(aliased[alias])))
    value = bytes(before.pop(name))
    if members(edited) != before:
        raise Refusal("bad_json", f"The field {name!r} cannot be taken out of this request body safely.")
    return edited, str(msgspec.json.decode(value))


def _without(body: bytes, start: int, key_end: int, length: int) -> bytes:
    gap = GAP.match(body, key_end)
    end = (gap.end() if gap else key_end) + length
    if comma := _COMMA.match(body, end):
        return body[:start] + body[comma.end() :].lstrip(_BLANKS)
    return body[:start].rstrip(_BLANKS).removesuffix(b",") + body[end:]

"""Keys that are none: right in shape, so that programs which check it start, and worth nothing anywhere.

Rules: 1. A dummy is the provider's prefix and length (`key_shape` in the catalogue) around hexadecimal digits.
       2. It tells whose program sent it, to who knows the user's name; nothing of the token is in it.
       3. It is recognised again, so that nobody takes it for a provider's key.
"""

from __future__ import annotations

import hashlib
import re

USUAL_SHAPE = "{40}"
MARK = "facadefacade"  # hexadecimal digits, which every provider's alphabet has
_TELLING = 3  # characters of a prefix that tell something: sk-, r8_
_REST = re.compile(r"[A-Za-z0-9_-]{20,}\Z")
_HOLE = re.compile(r"\{(\d{2,3})\}")
_SHAPE = re.compile(r"[A-Za-z0-9_-]*\{\d{2,3}\}[A-Za-z0-9_.-]*(\{\d{2,3}\})?\Z")


def is_shape(text: str) -> bool:
    """Is it a form such as `gsk_{52}`: literal text, and how many characters stand in the braces' place?"""
    return bool(_SHAPE.match(text)) and all(int(length) >= len(MARK) for length in _HOLE.findall(text))


def dummy(shape: str, user: str) -> str:
    """The dummy of this shape for this user, always the same."""
    digits = hashlib.sha256(user.encode()).hexdigest() * 16  # 1024, more than three digits ask for

    return _HOLE.sub(lambda hole: (MARK + digits)[: int(hole[1])], shape)


def looks_like(shape: str, text: str) -> bool:
    """Does the text begin as keys of this shape do, and go on as keys do? Says no where the shape has no prefix."""
    prefix = shape.partition("{")[0]
    return len(prefix) >= _TELLING and text.startswith(prefix) and bool(_REST.match(text, len(prefix)))


def is_dummy(text: str) -> bool:
    """Is it one of ours?"""
    return MARK in text

"""Looks for secrets in what observers see: as they are, and in every spelling that software gives them on the way.

1. A secret's halves are searched for, so that one which was cut short is found as well. Its last four characters may
   be seen: they are the fingerprint.
2. Each half is searched for raw, in hexadecimal, and in base64 at all three alignments.
3. All of that also after percent-decoding and after undoing JSON's escapes: how much was escaped does not matter.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Iterator, Mapping
from urllib.parse import unquote_to_bytes

from tests.provider import Arrived

_JSON_CODE = re.compile(rb"\\+u00([0-9a-fA-F]{2})")
_JSON_SLASH = re.compile(rb"\\+/")


def canary(prefix: str) -> str:
    """A secret that exists nowhere else."""
    return prefix + secrets.token_urlsafe(24)


def leaks(wanted: Mapping[str, str], seen: bytes) -> list[str]:
    """Which of these secrets (by name) are in there, and what is around the place."""
    found = []
    for view, data in _views(seen):
        for name, secret in wanted.items():
            for spelling, needle in _needles(secret):
                if (at := data.find(needle)) >= 0:
                    found.append(f"{name}, {spelling}{view}: {data[max(0, at - 120) : at + 60]!r}")
    return found


def arrival(arrived: Arrived) -> bytes:
    """A request at the provider, whole."""
    head = "\n".join(f"{name}: {value}" for name, value in arrived.headers)
    return f"{arrived.method} {arrived.target}\n{head}\n\n".encode() + arrived.body


def _views(seen: bytes) -> Iterator[tuple[str, bytes]]:
    yield "", seen
    if (decoded := unquote_to_bytes(seen)) != seen:
        yield " (percent-encoded)", decoded
    unescaped = _JSON_CODE.sub(lambda escape: bytes.fromhex(escape[1].decode()), _JSON_SLASH.sub(b"/", seen))
    if unescaped != seen:
        yield " (JSON-escaped)", unescaped


def _needles(secret: str) -> Iterator[tuple[str, bytes]]:
    plain, middle = secret.encode(), len(secret) // 2
    for half in (plain[:middle], plain[middle:]):
        yield "raw", half
        yield "hex", half.hex().encode()
        yield "HEX", half.hex().upper().encode()
        for offset in range(3):
            yield f"base64 at {offset}", _base64(half, offset)
            yield f"base64url at {offset}", _base64(half, offset).translate(bytes.maketrans(b"+/", b"-_"))


def _base64(plain: bytes, offset: int) -> bytes:
    """The characters that depend on `plain` alone, when `offset` bytes (modulo 3) come before it."""
    coded = base64.b64encode(bytes(offset) + plain)
    return coded[(0, 2, 3)[offset] : len(coded) - (0, 3, 2)[(offset + len(plain)) % 3]]

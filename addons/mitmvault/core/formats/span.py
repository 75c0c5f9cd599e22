"""Find the top-level `model` of a JSON body and change its bytes, or add one, and touch no others.

Rules: 1. Only the span of the value changes. Prompt caches and signatures depend on every other byte.
       2. A second top-level `model` or `stream`, in whatever spelling, is a refusal: two parsers could differ.
       3. The real parser proves the splice: decoded before and after, all other members are equal.

How: every candidate `"model"` and `"stream"` is renamed, at the same length, to a name of its own. One decoding then
tells which of them stand at the top level, and whether another spelling (`mod\\u0065l`) does. No scanner of our own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from mitmvault.core.refusal import Refusal

_CANDIDATE = re.compile(rb'"(model|stream)"')
GAP = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MARKS = "~^`|@%;!$&"
_NAMES = ("model", "stream")
_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True)
class Span:
    """The value of the top-level `model`: its bytes, and where they stand."""

    start: int
    end: int
    value: str | None  # None when it is not a string


def find(body: bytes) -> Span | None:
    """The span of the top-level `model`; None when the body has none, or is no JSON object.

    Raises Refusal for invalid JSON and for ambiguous bodies.
    """
    text = _checked(body)
    if not text.lstrip(b" \t\r\n").startswith(b"{"):
        _valid(text)
        return None
    keys = members(text).keys()
    if not {key.casefold() for key in keys} & set(_NAMES):
        return None
    for name in _NAMES:  # Go's encoding/json takes Model for model, and ſtream for stream
        if len([key for key in keys if key.casefold() == name]) > 1:
            raise Refusal("duplicate_field", f"The request body has {name!r} in two spellings; send exactly one.")
    aliased, places = renamed(text, keys)
    found = members(aliased)
    top: dict[str, list[tuple[str, int]]] = {name: [] for name in _NAMES}
    for alias, (name, end) in places.items():
        if alias in found:
            top[name].append((alias, end))
    for name in _NAMES:
        if len(top[name]) + (name in found) > 1:
            raise Refusal("duplicate_field", f"The request body has more than one {name!r} field; send exactly one.")
        if name in found:
            raise Refusal("bad_json", f"The field {name!r} must be spelled plainly, without \\u escapes.")
    if not top["model"]:
        return None
    alias, end = top["model"][0]
    return _span(text, end, len(bytes(found[alias])))


def replace(body: bytes, span: Span, model: str) -> bytes:
    """The body with another model. Raises Refusal when the result is not the same body otherwise (rule 3)."""
    value = msgspec.json.encode(model)
    edited = body[: span.start] + value + body[span.end :]
    before, after = members(body), members(edited)
    if bytes(after.pop("model", b"")) != value or before.pop("model", None) is None or before != after:
        raise Refusal("bad_json", "The field 'model' cannot be changed safely in this request body.")
    return edited


def insert(body: bytes, model: str) -> bytes:
    """An object that has no top-level `model`, with one as its first member; every other byte stays.

    Raises Refusal when the result is not the same body otherwise (rule 3), or ambiguous: `Model` is one for some.
    """
    before = members(body)
    at = body.index(b"{") + 1
    edited = body[:at] + b'"model":' + msgspec.json.encode(model) + (b"," if before else b"") + body[at:]
    found, after = find(edited), members(edited)
    after.pop("model", None)
    if found is None or found.value != model or "model" in before or before != after:
        raise Refusal("bad_json", "The field 'model' cannot be added safely to this request body.")
    return edited


def _span(body: bytes, key_end: int, length: int) -> Span:
    gap = GAP.match(body, key_end)
    if gap is None:  # cannot be: the parser has just read a member here
        raise Refusal("bad_json", "The field 'model' cannot be located in this request body.")
    raw = body[gap.end() : gap.end() + length]
    value = msgspec.json.decode(raw) if raw.startswith(b'"') else None
    return Span(gap.end(), gap.end() + length, value)


def renamed(
    body: bytes, keys: Iterable[str], candidate: re.Pattern[bytes] = _CANDIDATE
) -> tuple[bytes, dict[str, tuple[str, int]]]:
    """Give every candidate a name of its own; also say, by new name, which field it was and where its key ends.

    The new names begin with a mark that no top-level key begins with, however that is spelt.
    """
    taken = {key[:1] for key in keys}
    mark = next((mark for mark in _MARKS if mark not in taken), None)
    if mark is None:
        raise Refusal("bad_json", "The request body has too many unusual field names to be edited safely.")
    places: dict[str, tuple[str, int]] = {}

    def rename(match: re.Match[bytes]) -> bytes:
        name = match[1].decode()
        alias = mark + _number(len(places), len(name) - 1)
        places[alias] = (name, match.end())
        return b'"' + alias.encode() + b'"'

    return candidate.sub(rename, body), places


def _number(value: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        value, digit = divmod(value, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    if value:  # 62^4 candidates: more than 100 MB of nothing else
        raise Refusal("bad_json", "The request body names one field too often.")
    return digits


def _checked(body: bytes) -> bytes:
    if body.startswith(b"\xef\xbb\xbf"):
        raise Refusal("bad_json", "The request body begins with a byte order mark; send plain UTF-8.")
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise Refusal("bad_json", f"The request body is not valid UTF-8 (byte {error.start}).") from None
    return body


def members(body: bytes) -> dict[str, msgspec.Raw]:
    """The members of an object, undecoded. Raises Refusal."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _invalid(error) from None


def _valid(body: bytes) -> None:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _invalid(error) from None


def _invalid(error: Exception) -> Refusal:
    if isinstance(error, RecursionError):
        return Refusal("bad_json", "The request body is nested too deeply.")
    return Refusal("bad_json", f"The request body is not valid JSON: {error}.")

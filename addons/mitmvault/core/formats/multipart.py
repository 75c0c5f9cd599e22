"""The `model` field of a multipart/form-data body (RFC 7578): found, and changed in place.

Transcription, image and video endpoints carry the model as a form field before or after the file part.

Rules: 1. A form in which another parser could see another model is refused: two fields, folded or misspelt headers,
          two names in one part, parts separated by a bare line feed.
       2. A line is a delimiter if it holds the boundary and nothing else (RFC 2046, section 5.1.1).
"""

from __future__ import annotations

import re

from mitmvault.core.formats.span import Span
from mitmvault.core.refusal import Refusal

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HEADER = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([^\r\n]*)\Z")
_PARAMETER = re.compile(
    rb";[ \t]*(" + _TOKEN + rb")[ \t]*=[ \t]*(?:\"((?:[^\"\\\r\n]|\\[^\r\n])*)\"|([^\s;\"]+))[ \t]*"
)
_BOUNDARY = re.compile(r"(?i)multipart/form-data\s*(?:;\s*[^;=\s]+=(?:\"[^\"]*\"|[^;\s\"]*)\s*)*\Z")
_BOUNDARIES = re.compile(r"(?i);\s*boundary\s*=\s*(?:\"([^\"]*)\"|([^;\s\"]*))")
_NESTED = re.compile(r"(?i)boundary\*")


def boundary(content_type: str) -> bytes | None:
    """The boundary of a multipart/form-data content type; None when it is another type.

    Raises Refusal when the boundary is missing, doubled or impossible (RFC 2046, section 5.1.1: 1 to 70 characters).
    """
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        return None
    found = [quoted or plain for quoted, plain in _BOUNDARIES.findall(content_type)]
    valid = len(found) == 1 and 1 <= len(found[0]) <= 70 and found[0].isascii()
    if not valid or not _BOUNDARY.match(content_type) or _NESTED.search(content_type):
        raise Refusal("bad_request", "The multipart Content-Type has no valid boundary, or more than one.")
    return found[0].encode()


def find(body: bytes, mark: bytes) -> Span | None:
    """The span of the form field `model`. Raises Refusal when there are two, or could be (rule 1)."""
    found: list[Span] = []
    for start, end in _parts(body, b"--" + mark):
        head_end = body.find(b"\r\n\r\n", start - 2, end)
        if head_end < 0:
            raise _unclear("a part without an empty line behind its headers")
        if _field_name(body[start : max(head_end, start)]) == b"model":
            value = body[head_end + 4 : end]
            found.append(Span(head_end + 4, end, value.decode("utf-8", "replace").strip()))
    if len(found) > 1:
        raise Refusal("duplicate_field", "The form has more than one 'model' field; send exactly one.")
    return found[0] if found else None


def replace(body: bytes, span: Span, model: str) -> bytes:
    """The body with another model; the parts around it keep their bytes."""
    return body[: span.start] + model.encode() + body[span.end :]


def _parts(body: bytes, delimiter: bytes) -> list[tuple[int, int]]:
    """Begin and end of every part, headers included, delimiters and their line breaks not."""
    if re.search(rb"(?<!\r)\n" + re.escape(delimiter), body):
        raise _unclear("a boundary behind a bare line feed")
    line = re.compile(rb"(?:\A|\r\n)" + re.escape(delimiter) + rb"(--)?[ \t]*(?=\r\n|\Z)")
    parts, begin = [], None
    for match in line.finditer(body):
        if begin is not None:
            parts.append((begin, match.start()))
        if match[1]:
            break
        begin = match.end() + 2
    return parts


def _field_name(head: bytes) -> bytes | None:
    """The name in a part's headers; None for a part that has none. Raises Refusal for headers read differently."""
    names: list[bytes] = []
    for line in head.split(b"\r\n") if head else ():
        header = _HEADER.match(line)
        if header is None:
            raise _unclear("a malformed part header")
        if header[1].lower() == b"content-disposition":
            names += _names(header[2])
    if len(names) > 1:
        raise _unclear("a part with two names")
    return names[0] if names else None


def _names(disposition: bytes) -> list[bytes]:
    kind = re.match(_TOKEN, disposition)
    position = kind.end() if kind else 0
    names = []
    while position < len(disposition):
        parameter = _PARAMETER.match(disposition, position)
        if parameter is None:
            raise _unclear("a malformed Content-Disposition")
        name = parameter[1].lower()
        if name == b"name*":
            raise _unclear("an encoded field name")
        if name == b"name":
            names.append(parameter[3] or re.sub(rb"\\(.)", rb"\1", parameter[2] or b""))
        position = parameter.end()
    return names


def _unclear(what: str) -> Refusal:
    return Refusal("bad_request", f"The multipart form has {what}; servers read that differently.")

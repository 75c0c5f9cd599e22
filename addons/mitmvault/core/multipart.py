"""The `model` field of a multipart/form-data body (RFC 7578): found, and changed in place.

Transcription, image and video endpoints carry the model as a form field before or after the file part.
"""

from __future__ import annotations

import re
from email.message import Message

from mitmvault.core.refusal import Refusal
from mitmvault.core.span import Span

_NAME = re.compile(rb'(?i);\s*name\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))')


def boundary(content_type: str) -> bytes | None:
    """The boundary of a multipart/form-data content type; None when it is another type.

    Raises Refusal when the boundary is missing or impossible (RFC 2046, section 5.1.1: 1 to 70 characters).
    """
    message = Message()
    message["content-type"] = content_type
    if message.get_content_type() != "multipart/form-data":
        return None
    value = message.get_param("boundary")
    if not isinstance(value, str) or not 1 <= len(value) <= 70 or not value.isascii():
        raise Refusal("bad_request", "The multipart Content-Type has no valid boundary.")
    return value.encode()


def find(body: bytes, mark: bytes) -> Span | None:
    """The span of the form field `model`. Raises Refusal when there are two."""
    found: list[Span] = []
    for start, end in _parts(body, b"--" + mark):
        head_end = body.find(b"\r\n\r\n", start, end)
        if head_end < 0:
            continue
        if _field_name(body[start:head_end]) == b"model":
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
    if body.startswith(delimiter):
        first = len(delimiter)
    else:
        first = body.find(b"\r\n" + delimiter)
        if first < 0:
            return []
        first += 2 + len(delimiter)
    parts, position = [], first
    while not body.startswith(b"--", position):
        line = body.find(b"\r\n", position)
        end = body.find(b"\r\n" + delimiter, line)
        if line < 0 or end < 0:
            break
        parts.append((line + 2, end))
        position = end + 2 + len(delimiter)
    return parts


def _field_name(head: bytes) -> bytes | None:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-disposition:") and (match := _NAME.search(line)):
            return match[1] if match[1] is not None else match[2]
    return None

"""Amazon's event stream (application/vnd.amazon.eventstream): binary frames, out of a stream that is split anywhere.

A frame is: its length, the length of its headers, a checksum of both (4 bytes each), headers, payload, a checksum (4).
InvokeModelWithResponseStream wraps each of its events once more: {"bytes": "base64"}.

Rules: 1. Nothing is verified: this is a copy, to count by. A length that cannot be ends the reading.
       2. Memory is bounded: a frame longer than the limit is passed over.

Source: smithy.io, "Amazon Event Stream Specification" (2026).
"""

from __future__ import annotations

import binascii
import struct

_PRELUDE = struct.Struct(">III")
_OVERHEAD = 16  # bytes of a frame beside headers and payload
_WRAPPED = b'{"bytes":"'


class Frames:
    """Feed it pieces of the stream; it returns the payloads of the frames that ended in them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()
        self._passing = 0  # bytes still to be passed over
        self._lost = False

    def feed(self, data: bytes) -> list[bytes]:
        """Some more bytes; returns payloads. Does not raise."""
        if self._lost:
            return []
        passed = min(self._passing, len(data))
        self._passing -= passed
        self._held += data[passed:]
        payloads = []
        while len(self._held) >= _PRELUDE.size:
            total, headers, _ = _PRELUDE.unpack_from(self._held)
            if total < headers + _OVERHEAD:
                self._lost = True
                self._held.clear()
            elif total > self._limit:
                self._passing = max(0, total - len(self._held))
                del self._held[:total]
            elif len(self._held) < total:
                break
            else:
                payloads.append(_unwrapped(bytes(self._held[_PRELUDE.size + headers : total - 4])))
                del self._held[:total]
        return payloads


def _unwrapped(payload: bytes) -> bytes:
    start = len(_WRAPPED)
    end = payload.find(b'"', start)
    if end < 0 or not payload.startswith(_WRAPPED):
        return payload
    try:
        return binascii.a2b_base64(payload[start:end])
    except binascii.Error:
        return payload

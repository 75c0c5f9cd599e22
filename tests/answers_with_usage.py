"""The corpus of answers that state their tokens, and how to bring them into other forms: codings, line ends, pieces."""

from __future__ import annotations

import base64
import binascii
import gzip
import itertools
import json
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brotli
import zstandard

FOLDER = Path(__file__).parent / "corpus" / "usage"
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@dataclass(frozen=True)
class Recorded:
    """An answer: how it is read, its head and body as sent, and what its provider counts, in our form."""

    name: str
    shape: str
    headers: dict[str, str]
    body: bytes
    expect: dict[str, int]

    @property
    def is_sse(self) -> bool:
        return "event-stream" in self.headers["content-type"]


def recorded(path: Path) -> Recorded:
    """Read one file: lines `name: value`, an empty line, the body. Frames of AWS stand there as `type JSON` lines."""
    head, _, body = path.read_bytes().partition(b"\n\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head.decode().splitlines())}
    shape, expect = headers.pop("shape"), json.loads(headers.pop("expect"))
    headers.pop("figures")
    if "amazon" in headers["content-type"]:
        wrapped = headers.pop("x-wrapped", "") == "base64"
        pairs = (line.split(" ", 1) for line in body.decode().splitlines())
        body = b"".join(frame(kind, payload.encode(), wrapped) for kind, payload in pairs)
    return Recorded(path.stem, shape, headers, body, expect)


def frame(kind: str, payload: bytes, wrapped: bool = False) -> bytes:
    """One frame of Amazon's event stream."""
    if wrapped:
        payload = json.dumps({"bytes": base64.b64encode(payload).decode()}, separators=(",", ":")).encode()
    fields = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in fields.items()
    )
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", binascii.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", binascii.crc32(message))


def pieces(body: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The body cut at these places."""
    places = sorted({cut % (len(body) + 1) for cut in cuts} | {0, len(body)})
    return [body[a:b] for a, b in itertools.pairwise(places)]


def counted(usage: Any) -> dict[str, int]:
    """The numbers of a usage, as the corpus expects them."""
    return {name: getattr(usage, name) for name in ("input", "output", "cached_read", "cached_write", "reasoning")}


CORPUS = [recorded(path) for path in sorted(FOLDER.glob("*.txt"))]

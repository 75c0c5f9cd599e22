"""Content codings: of request bodies, undone and redone with a cap on what they may grow to (SECURITY P8); of answers,
undone chunk by chunk, in a copy.

Sources: RFC 9110 section 8.4; RFC 8878 (zstd); RFC 7932 (br).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator

import brotli
import zstandard

from mitmvault.core.refusal import Refusal

_STEP = 64 * 1024
# brotli (1.1) and zstandard have no bound on the output of one call, and a few bytes can ask for megabytes: small sips.
_SIP = 256
_SMALL = 64 * 1024
_GULP = 4096  # bytes of an answer, whose sender is a provider
ERRORS = (zlib.error, brotli.error, zstandard.ZstdError)


def decode(body: bytes, coding: str, limit: int) -> bytes:
    """Undo a content coding. Raises Refusal when the coding is unknown, broken, or grows beyond `limit` bytes."""
    if coding in ("", "identity"):
        return body
    if coding not in _DECODERS:
        raise Refusal("unsupported_encoding", f"Content-Encoding must be one of {', '.join(CODINGS)}.")
    pieces, size = [], 0
    try:
        for piece in _DECODERS[coding](body):
            size += len(piece)
            if size > limit:
                raise Refusal("body_too_large", f"The decompressed request body is larger than {limit} bytes.")
            pieces.append(piece)
    except (*ERRORS, EOFError) as error:
        raise Refusal("bad_encoding", f"The request body is not valid {coding}.") from error
    return b"".join(pieces)


def encode(body: bytes, coding: str) -> bytes:
    """Apply a coding that `decode` has accepted."""
    return _ENCODERS.get(coding, lambda b: b)(body)


def decoder(coding: str) -> Callable[[bytes], Iterable[bytes]] | None:
    """A function that undoes a Content-Encoding of an answer: chunk in, pieces out. None: an unknown coding.

    It raises the coding's own error (`ERRORS`). Nobody bounds what the pieces grow to together; those of br and zstd
    can each be large.
    """
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return _as_it_is
    return _CHUNK_DECODERS[coding]() if coding in _CHUNK_DECODERS else None


def _as_it_is(data: bytes) -> tuple[bytes]:
    return (data,)


def _zlib_chunks(window: int) -> Callable[[], Callable[[bytes], Iterator[bytes]]]:
    def make() -> Callable[[bytes], Iterator[bytes]]:
        machine = zlib.decompressobj(window)

        def decode(data: bytes) -> Iterator[bytes]:
            full = bool(data)
            while full and not machine.eof:  # a full piece: more may be waiting inside, without any input left
                yield (piece := machine.decompress(data, _STEP))
                data, full = machine.unconsumed_tail, len(piece) == _STEP

        return decode

    return make


def _sips(make: Callable[[], Callable[[bytes], bytes]]) -> Callable[[], Callable[[bytes], Iterator[bytes]]]:
    def of_one() -> Callable[[bytes], Iterator[bytes]]:
        machine = make()
        return lambda data: (machine(data[at : at + _GULP]) for at in range(0, len(data), _GULP))

    return of_one


def _zlib(window: int) -> Callable[[bytes], Iterator[bytes]]:
    def decoder(body: bytes) -> Iterator[bytes]:
        machine = zlib.decompressobj(window)
        rest = body
        while not machine.eof:
            piece = machine.decompress(rest, _STEP)
            rest = machine.unconsumed_tail
            if not piece and not rest and not machine.eof:
                raise EOFError("truncated")
            yield piece
        if machine.unused_data or rest:
            raise EOFError("followed by something else")

    return decoder


def _brotli(body: bytes) -> Iterator[bytes]:
    machine = brotli.Decompressor()
    # A metablock of 16 MB takes a few bytes. Nobody sends so small a body but to try that, or the loop is short.
    sip = 1 if len(body) <= _SMALL else 16
    for start in range(0, len(body), sip):
        if machine.is_finished():
            raise EOFError("followed by something else")
        yield machine.process(body[start : start + sip])
    if not machine.is_finished():
        raise EOFError("truncated")


def _zstd(body: bytes) -> Iterator[bytes]:
    machine = zstandard.ZstdDecompressor(max_window_size=2**27).decompressobj()
    for start in range(0, len(body), _SIP):
        yield machine.decompress(body[start : start + _SIP])
        if machine.unused_data:
            raise EOFError("followed by something else")
    if not machine.eof:
        raise EOFError("truncated")


_DECODERS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "gzip": _zlib(16 + zlib.MAX_WBITS),
    "x-gzip": _zlib(16 + zlib.MAX_WBITS),
    "deflate": _zlib(zlib.MAX_WBITS),
    "br": _brotli,
    "zstd": _zstd,
}
CODINGS = tuple(_DECODERS)
_CHUNK_DECODERS: dict[str, Callable[[], Callable[[bytes], Iterator[bytes]]]] = {
    "gzip": _zlib_chunks(16 + zlib.MAX_WBITS),
    "x-gzip": _zlib_chunks(16 + zlib.MAX_WBITS),
    "deflate": _zlib_chunks(zlib.MAX_WBITS),
    "br": _sips(lambda: brotli.Decompressor().process),
    "zstd": _sips(lambda: zstandard.ZstdDecompressor().decompressobj().decompress),
}


def _gzip(body: bytes) -> bytes:
    machine = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)  # no timestamp: equal bodies give equal bytes
    return machine.compress(body) + machine.flush()


_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": zlib.compress,
    "br": lambda body: brotli.compress(body, quality=4),
    "zstd": zstandard.ZstdCompressor().compress,
}

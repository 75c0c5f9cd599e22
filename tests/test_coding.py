"""Content codings: undone, redone, and not allowed to grow beyond the cap."""

from __future__ import annotations

import gzip
import random
import signal
import tracemalloc
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from mitmvault.core.formats.coding import CODINGS, ERRORS, decode, decoder, encode
from mitmvault.core.refusal import Refusal

LIMIT = 1 << 20
MAKERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
NOISE = random.Random(1).randbytes(300_000)
PLAIN = {"nothing": b"", "byte": b"x", "text": b'{"model":"a"}' * 999, "noise": NOISE, "at the limit": bytes(LIMIT)}


def reason(work) -> str:
    with pytest.raises(Refusal) as caught:
        work()
    return caught.value.reason


def test_every_coding_is_tried():
    assert set(CODINGS) == set(MAKERS)


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("coding", MAKERS)
def test_what_other_libraries_write_is_read(coding, name):
    assert decode(MAKERS[coding](PLAIN[name]), coding, LIMIT) == PLAIN[name]


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(NOISE, 1)),
        ("gzip", gzip.compress(NOISE, 9)),
        ("deflate", zlib.compress(NOISE, 0)),
        ("br", brotli.compress(NOISE, quality=11)),
        ("br", brotli.compress(NOISE, lgwin=10)),
        ("zstd", zstandard.ZstdCompressor(level=19).compress(NOISE)),
        ("zstd", zstandard.ZstdCompressor(write_checksum=True).compress(NOISE)),
        ("zstd", zstandard.ZstdCompressor(write_content_size=False).compress(NOISE)),
        ("zstd", (lambda machine: machine.compress(NOISE) + machine.flush())(zstandard.ZstdCompressor().compressobj())),
    ],
)
def test_levels_and_flavours(coding, body):
    assert decode(body, coding, LIMIT) == NOISE


READERS = {
    "gzip": gzip.decompress,
    "x-gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompress(body),
}


@pytest.mark.parametrize("coding", READERS)
@settings(max_examples=30, deadline=None)
@given(body=st.binary(max_size=2000))
def test_what_is_written_is_read_by_other_libraries_and_by_us(coding, body):
    coded = encode(body, coding)
    assert READERS[coding](coded) == body == decode(coded, coding, LIMIT)
    assert encode(body, coding) == coded  # no timestamp


@pytest.mark.parametrize("coding", ["", "identity"])
def test_no_coding(coding):
    assert decode(b"x" * 9, coding, 1) == b"x" * 9 == encode(b"x" * 9, coding)


@pytest.mark.parametrize("coding", ["compress", "gzip, gzip", "GZIP", "br;q=1", "lzma", "*"])
def test_unknown(coding):
    assert reason(lambda: decode(b"x", coding, LIMIT)) == "unsupported_encoding"


@pytest.mark.parametrize("coding", MAKERS)
@pytest.mark.parametrize("size", [100, 256, 257, 65_536])
def test_truncated_or_followed_by_something(coding, size):
    body = MAKERS[coding](NOISE[:size])
    for broken in (
        body[:-1],
        body[: len(body) // 2],
        body[:1],
        b"",
        body + b"x",
        body + b"\0" * 600,
        body + body,
        b"x" + body,
    ):
        assert reason(lambda broken=broken: decode(broken, coding, LIMIT)) == "bad_encoding"


@pytest.fixture
def in_time():
    """What does not end in a second fails, instead of hanging the tests."""

    def late(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, 1)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_something_that_follows_more_than_one_step(coding, in_time):
    body = MAKERS[coding](bytes(70_000)) + b"x"
    assert reason(lambda: decode(body, coding, LIMIT)) == "bad_encoding"


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_something_that_follows_at_the_end_of_a_sip(coding):
    """The decoders are fed 256 bytes at a time: what comes after exactly that many must not go unseen."""
    body = next(made for size in range(1, 300) if len(made := MAKERS[coding](NOISE[:size])) == 256)
    assert len(decode(body, coding, LIMIT)) > 200
    assert reason(lambda: decode(body + b"x", coding, LIMIT)) == "bad_encoding"
    assert reason(lambda: decode(body + body, coding, LIMIT)) == "bad_encoding"


@pytest.mark.parametrize("coding", MAKERS)
def test_one_byte_beyond_the_limit(coding):
    assert reason(lambda: decode(MAKERS[coding](bytes(LIMIT + 1)), coding, LIMIT)) == "body_too_large"


def bomb(coding: str, megabytes: int) -> bytes:
    machine = {
        "gzip": lambda: zlib.compressobj(9, wbits=31),
        "deflate": lambda: zlib.compressobj(9),
        "br": lambda: brotli.Compressor(quality=5),
        "zstd": lambda: zstandard.ZstdCompressor().compressobj(),
    }[coding]()
    feed = machine.process if coding == "br" else machine.compress
    made = b"".join(feed(bytes(1 << 20)) for _ in range(megabytes))
    return made + (machine.finish() if coding == "br" else machine.flush())


def peak(coding: str, body: bytes) -> int:
    """The most memory that the refused decoding took, in bytes."""
    tracemalloc.start()
    try:
        assert reason(lambda: decode(body, coding, LIMIT)) == "body_too_large"
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
def test_bombs(coding):
    body = bomb(coding, 200)
    assert len(body) < 300_000
    assert peak(coding, body) < 32 * LIMIT


def test_a_brotli_bomb():
    body = bomb("br", 200)
    assert len(body) < 1000
    assert peak("br", body) < 64 * LIMIT


# --- answers, chunk by chunk ---


@pytest.mark.parametrize("size", [1, 1000, 10**6])
@pytest.mark.parametrize("coding", MAKERS)
def test_chunks_of_an_answer(coding, size):
    for plain in (NOISE[:5000], bytes(LIMIT), b"x"):
        sent = MAKERS[coding](plain)
        undo = decoder(f" {coding.upper()} ")
        pieces = [piece for at in range(0, len(sent), size) for piece in undo(sent[at : at + size])]
        assert b"".join(pieces) == plain
        assert list(undo(b"")) in ([], [b""])


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_what_a_sender_has_flushed_comes_out(coding):
    """Streams are flushed after each event: the event comes out before the next chunk."""
    machine = {"gzip": lambda: zlib.compressobj(wbits=31), "br": brotli.Compressor,
               "zstd": lambda: zstandard.ZstdCompressor().compressobj()}[coding]()  # fmt: skip
    flush = {"gzip": lambda: machine.flush(zlib.Z_SYNC_FLUSH), "br": lambda: machine.flush(),
             "zstd": lambda: machine.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)}[coding]  # fmt: skip
    add, undo = machine.process if coding == "br" else machine.compress, decoder(coding)
    for event in (b"data: 1\n\n", b"data: 2\n\n"):
        assert b"".join(undo(add(event) + flush())) == event


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_chunks_that_are_something_else(coding):
    with pytest.raises(ERRORS):
        list(decoder(coding)(b"no such coding, not at all"))


def test_codings_of_answers_that_nobody_knows():
    assert decoder("lzma") is None and decoder("gzip, br") is None
    assert list(decoder("")(b"x")) == list(decoder("Identity")(b"x")) == [b"x"]


def test_a_chunk_that_grows_comes_in_pieces():
    bomb = gzip.compress(bytes(200 << 20), 1)
    tracemalloc.start()
    try:
        assert sum(map(len, decoder("gzip")(bomb))) == 200 << 20
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()

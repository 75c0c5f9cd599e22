"""Server-sent events are found however the stream is cut, and no byte is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitmvault.core.formats.sse import Splitter, data_of, events
from tests.answers_with_usage import pieces

EVENTS = [b"event: a\ndata: 1", b"data: 2\ndata:3", b": comment", b"data: [DONE]"]
ENDS = [b"\n", b"\r\n", b"\r"]


def stream(end: bytes) -> bytes:
    return b"".join(event.replace(b"\n", end) + end * 2 for event in EVENTS)


@pytest.mark.parametrize("end", ENDS)
@given(cuts=st.lists(st.integers(0, 90), max_size=12))
def test_every_cut(end: bytes, cuts: list[int]) -> None:
    splitter, body = Splitter(1000), stream(end)
    found = [splitter.feed(piece) for piece in pieces(body, cuts)]
    assert all(whole for _, whole in found)
    rest = splitter.rest()
    assert b"".join(piece for piece, _ in found) + rest == body
    assert rest in (b"", b"data: [DONE]" + end * 2)  # a CR at the end of what has come may be half of a CR LF
    single = [event for piece, _ in [*found, (rest, True)] for event in events(piece)]
    assert [data_of(event) for event in single if event.strip()] == [b"1", b"2\n3", b"", b"[DONE]"]


def test_a_chunk_that_is_an_event_passes_at_once() -> None:
    splitter = Splitter(1000)
    assert splitter.feed(b"data: 1\n\n") == (b"data: 1\n\n", True)
    assert splitter.feed(b"data: 2\n") == (b"", True)
    assert splitter.feed(b"\ndata: 3") == (b"data: 2\n\n", True)
    assert splitter.rest() == b"data: 3" and splitter.rest() == b""


@given(st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", b"x", b"data: y\n\n", b"z" * 30]), max_size=40))
def test_nothing_is_lost_and_little_is_kept(chunks: list[bytes]) -> None:
    splitter, out = Splitter(20), b""
    for chunk in chunks:
        out += splitter.feed(chunk)[0]
        assert len(splitter._held) <= max(20, len(chunk))
    assert out + splitter.rest() == b"".join(chunks)


def test_an_event_that_is_too_long_comes_in_pieces() -> None:
    splitter = Splitter(10)
    assert splitter.feed(b"data: aaaaaaaaaaaa") == (b"data: aaaaaaaaaaaa", True)
    assert splitter.feed(b"bb") == (b"", False)
    assert splitter.feed(b"\n\nda") == (b"bb\n\n", False)
    assert splitter.feed(b"ta\n\n") == (b"data\n\n", True)


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: x\n\n", b"x"), (b"data:x", b"x"), (b"data:  x\n", b" x"), (b"id: 1\r\ndata: x\r\ndata: y\r\n\r\n", b"x\ny"),
        (b": data: x\n\n", b""), (b"", b""), (b"database: x\n\n", b""), (b"data\n\n", b""),
    ],
)  # fmt: skip
def test_data(event: bytes, data: bytes) -> None:
    assert data_of(event) == data

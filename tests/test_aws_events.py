"""Frames of Amazon's event stream are found however the stream is cut; what is none ends the reading."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitmvault.core.formats.aws_events import Frames
from tests.answers_with_usage import frame, pieces

PAYLOADS = [b'{"a":1}', b"", b'{"metrics":{}}', b"\x00\xff" * 40]
BODY = b"".join(frame("chunk", payload) for payload in PAYLOADS)


@given(st.lists(st.integers(0, len(BODY)), max_size=12))
def test_every_cut(cuts: list[int]) -> None:
    frames = Frames(10_000)
    assert [payload for piece in pieces(BODY, cuts) for payload in frames.feed(piece)] == PAYLOADS


def test_the_encoder_of_these_tests_agrees_with_amazons() -> None:
    eventstream = pytest.importorskip("botocore.eventstream")
    buffer = eventstream.EventStreamBuffer()
    buffer.add_data(BODY)
    assert [event.payload for event in buffer] == PAYLOADS  # botocore verifies lengths and checksums


def test_what_is_wrapped_is_unwrapped() -> None:
    assert Frames(10_000).feed(frame("chunk", b'{"x":1}', wrapped=True)) == [b'{"x":1}']


@pytest.mark.parametrize("payload", [b'{"bytes":"not base64!"}', b'{"bytes":"abc"}', b'{"bytes":"', b'{"bytes":1}'])
def test_what_only_looks_wrapped_comes_as_it_is(payload: bytes) -> None:
    found = Frames(10_000).feed(frame("chunk", payload))
    assert len(found) == 1 and (found == [payload] or b"not base64" in payload)


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_a_frame_that_is_too_long_is_passed_over(size: int) -> None:
    stream = frame("a", b"x" * 2000) + frame("b", b"{}") + frame("c", b"y" * 3000) + frame("d", b"[]")
    frames = Frames(1000)
    found = []
    for at in range(0, len(stream), size):
        found += frames.feed(stream[at : at + size])
        assert len(frames._held) <= 1000
    assert found == [b"{}", b"[]"]


def test_a_length_that_cannot_be_ends_the_reading() -> None:
    frames = Frames(1000)
    assert frames.feed(frame("a", b"1") + struct.pack(">III", 15, 0, 0) + frame("b", b"2")) == [b"1"]
    assert frames.feed(frame("c", b"3")) == [] and not frames._held


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_anything_at_all(chunks: list[bytes]) -> None:
    frames = Frames(50)
    for chunk in chunks:
        frames.feed(chunk)
        assert len(frames._held) <= 60

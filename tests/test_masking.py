"""Secrets are taken out of a stream however it is cut; everything else passes as it is, and at once."""

from __future__ import annotations

import gzip
import itertools
import zlib
from typing import Any

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from mitmvault.core.answer.masking import Mask, Watch, filter_for

SECRET = b"sk-aab-aac"
BLOTTED = b"*" * len(SECRET)
CODINGS: dict[str, Any] = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress,
                           "zstd": zstandard.compress}  # fmt: skip


def through(machine: Mask | Watch, pieces: list[bytes]) -> bytes:
    return b"".join([*(machine.feed(piece) for piece in pieces if piece), machine.feed(b"")])


@given(st.lists(st.sampled_from([b"s", b"k", b"-", b"a", b"b", b"c", SECRET, b"sk-aa", b"b-aac", b"\n"]), max_size=30),
       st.lists(st.integers(0, 200), max_size=8))  # fmt: skip
def test_every_cut(words: list[bytes], cuts: list[int]) -> None:
    text = b"".join(words)
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(edges)]
    out = through(Mask((SECRET,)), pieces)
    assert out == text.replace(SECRET, BLOTTED)


@pytest.mark.parametrize("text", [b"data: {}\n\n", b"sk-aab", b"x" * 1000, "ünï".encode()])
def test_what_is_harmless_is_not_held_back(text: bytes) -> None:
    machine = Mask((SECRET,))
    passed = machine.feed(text + b"\n")
    assert passed == text + b"\n"


def test_only_the_possible_beginning_is_held_back() -> None:
    machine = Mask((SECRET, b"other-secret"))
    assert machine.feed(b"abc sk-aab-") == b"abc "
    assert machine.feed(b"x") == b"sk-aab-x"
    assert machine.feed(b"other-secre") == b""
    assert machine.feed(b"") == b"other-secre"


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_encoded_answers_are_blanked_or_untouched(coding: str, size: int) -> None:
    clean = CODINGS[coding](b'{"ok": "sk-aab"}' * 50)
    dirty = CODINGS[coding](b'{"key": "' + SECRET + b'"}')
    for body, expected in ((clean, clean), (dirty, None)):
        pieces = [body[i : i + size] for i in range(0, len(body), size)]
        out = through(filter_for((SECRET,), coding.upper()), pieces)
        assert len(out) == len(body)
        if expected:
            assert out == expected
        else:
            assert SECRET not in _decode(coding, out)


def _decode(coding: str, body: bytes) -> bytes:
    decoders: dict[str, Any] = {"gzip": gzip.decompress, "deflate": zlib.decompress, "br": brotli.decompress,
                                "zstd": zstandard.decompress}  # fmt: skip
    try:
        return bytes(decoders[coding](body))
    except (OSError, EOFError, zlib.error, brotli.error, zstandard.ZstdError):
        return b""  # unreadable, which is what blanking is for


def test_a_lying_encoding_passes() -> None:
    assert through(filter_for((SECRET,), "gzip"), [b"not gzip at all"]) == b"not gzip at all"

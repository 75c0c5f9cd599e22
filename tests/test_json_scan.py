"""Wanted members are found in JSON that is cut anywhere, and nothing else is."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitmvault.core.formats import json_scan
from mitmvault.core.formats.json_scan import LIMIT, Path, Scanner, find, parsed
from tests.answers_with_usage import pieces

NAMES = st.sampled_from(["usage", "model", "meta", "x", "", 'q"\\', "ü", "[{", "usage\n"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=15,
)
WANTED: tuple[Path, ...] = (("usage",), ("meta", "usage"), ("meta", "model", "x"), ("x",))


def scan(body: bytes, cuts: list[int] = [], wanted: Any = WANTED) -> list[tuple[Path, Any]]:  # noqa: B006
    scanner = Scanner(wanted)
    return [(path, json.loads(raw)) for piece in pieces(body, cuts) for path, raw in scanner.feed(piece)]


def expected(value: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    """The slow way."""
    found = []
    for name, inner in value.items():
        here = (*path, name)
        if here in WANTED:
            found.append((here, inner))
        elif isinstance(inner, dict) and any(wanted[: len(here)] == here for wanted in WANTED):
            found += expected(inner, here)
    return found


@settings(max_examples=600, deadline=None)
@given(
    documents=st.lists(st.dictionaries(NAMES, VALUES, max_size=5), min_size=1, max_size=3),
    indent=st.sampled_from([None, 2]),
    form=st.sampled_from(["single", "array", "lines"]),
    cuts=st.lists(st.integers(0, 2000), max_size=10),
    short=st.sampled_from([1, 8, 512]),
)
def test_against_a_real_parser(
    documents: list[Any], indent: int | None, form: str, cuts: list[int], short: int
) -> None:
    if form == "single":
        documents = documents[:1]
        text = json.dumps(documents[0], indent=indent, ensure_ascii=False)
    elif form == "array":
        text = json.dumps(documents, indent=indent, ensure_ascii=False)
    else:
        text = "\n".join(json.dumps(document, ensure_ascii=False) for document in documents)
    with patch.object(json_scan, "_SHORT", short):  # from how many bytes on pieces are passed over at once
        found = scan(text.encode(), cuts)
    right = [pair for document in documents for pair in expected(document)]
    assert found == right
    assert dict(find(text.encode(), WANTED)) == {path: value for path, value in right if value is not None}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"usage"', b'{"usage":', b'{"usage":{"a":1}', b'["usage",{"y":{"usage":1}}]', b'"usage":1', b"\\\\"],
)
def test_nothing(body: bytes) -> None:
    assert scan(body) == find(body, WANTED) == []


@pytest.mark.parametrize("raw", [b"", b"{", b'"\xff"', b"[" * 5000, b'{"a":1e999}', b"null"])
def test_values_that_are_broken(raw: bytes) -> None:
    assert list(parsed([(("a",), raw), (("b",), b"7")])) == [(("b",), 7)]
    found = find(b'{"model":"m","usage":' + raw + b"}", (("model",), ("usage",)))
    assert found == [(("model",), "m")]


@given(st.lists(st.text('{}[]",:\\ ux', max_size=20).map(str.encode) | st.binary(max_size=20), max_size=8))
def test_what_is_not_json_does_no_harm(chunks: list[bytes]) -> None:
    scanner = Scanner((("u",), ("x", "u")))
    for chunk in chunks:
        scanner.feed(chunk)
    find(b"".join(chunks), (("u",), ("x", "u")))


def test_a_value_that_is_too_long_is_left_out() -> None:
    body = json.dumps({"usage": "y" * LIMIT, "x": 1}).encode()
    assert scan(body) == scan(body, list(range(0, len(body), 999))) == [(("x",), 1)]


@pytest.mark.parametrize("chunk", [b'{"usage":"', b'{"a":["', b'{"', b"[" * 9, b'{"usage":{"'])
def test_memory_is_bounded(chunk: bytes) -> None:
    scanner = Scanner(WANTED)
    scanner.feed(chunk)
    tracemalloc.start()
    try:
        for _ in range(200):
            scanner.feed(b"x" * 65536)
        assert tracemalloc.get_traced_memory()[1] < 8 * LIMIT
    finally:
        tracemalloc.stop()


def test_what_is_passed_over_at_once() -> None:
    """Strings with brackets and escaped quotes, deep and shallow, in pieces of many sizes."""
    inner = {"a": [{"b": 'x"}]\\'}, [[[]]], "]" * 40], "usage": {"c": 1}}
    body = json.dumps({"list": [inner] * 300, "text": 'say "}" ' * 500, "x": 7, "usage": {"deep": [inner]}}).encode()
    for size in (1, 100, 1000, 16384, len(body)):
        assert scan(body, list(range(0, len(body), size))) == [(("x",), 7), (("usage",), {"deep": [inner]})]


def test_brackets_do_not_nest_a_stack() -> None:
    scanner = Scanner(WANTED)
    assert scanner.feed(b'{"a":' + b"[" * 10**5 + b"]" * 10**5 + b',"x":2}') == [(("x",), b"2")]

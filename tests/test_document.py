"""The strict reader of JSON documents; the vectors of the vault and the users cover the refusals."""

import pytest

from mitmvault.core.formats import document
from mitmvault.core.formats.document import DocumentError, dump, load, step


class Named(DocumentError):
    pass


@pytest.mark.parametrize(
    "path, name, expected",
    [
        ("", "a", "a"),
        ("a", "b", "a.b"),
        ("a", 0, "a[0]"),
        ("a", "é", "a.é"),
        ("a", "", "a.?"),
        ("a", "x\ny", "a.?"),
        ("a", "\u202e", "a.?"),
        ("a", "\x1b[31m", "a.?"),
        ("a", "x" * 64, "a." + "x" * 64),
        ("a", "x" * 65, "a.?"),
    ],
)
def test_step(path, name, expected):
    assert step(path, name) == expected


@pytest.mark.parametrize(
    "plain", [b"", b"{", b"[]", b"1", b"\xff", b'{"a":1,"a":1}', b'{"a":-Infinity}', b'{"a":' + b"9" * 5000 + b"}"]
)
def test_errors_have_the_callers_type(plain):
    with pytest.raises(Named):
        load(plain, Named)


@pytest.mark.parametrize("levels, fine", [(31, True), (32, False), (100_000, False)])
def test_depth(levels, fine):
    plain = b'{"a":' + b"[" * (levels - 1) + b"1" + b"]" * (levels - 1) + b"}"
    if fine:
        assert load(plain)
    else:
        with pytest.raises(DocumentError, match="nested deeper than 32 levels"):
            load(plain)


def test_size(monkeypatch):
    monkeypatch.setattr(document, "MAX_BYTES", 9)
    assert load(b'{"a": 12}') == {"a": 12}
    with pytest.raises(DocumentError, match="larger"):
        load(b'{"a": 123}')


def test_order_and_types_survive():
    plain = dump({"b": 1, "a": [1.5, None, True, "é"]})
    assert list(load(plain)) == ["b", "a"] and dump(load(plain)) == plain


def test_nan_is_not_written():
    with pytest.raises(ValueError):
        dump({"a": float("nan")})

"""One field, one type, or an error with its path."""

import pytest

from mitmvault.core.formats.document import DocumentError
from mitmvault.core.formats.field import Field

OBJECT = {
    "s": "x",
    "empty": "",
    "n": 5,
    "f": 1.5,
    "t": True,
    "null": None,
    "list": ["a", 1],
    "o": {"p": "q"},
    "c": "a\x1bb",
}


@pytest.mark.parametrize(
    "name, method, expected",
    [
        ("s", "text", "x"),
        ("empty", "text", ""),
        ("s", "name", "x"),
        ("n", "number", 5),
        ("null", "number", None),
        ("gone", "number", None),
        ("t", "flag", True),
        ("null", "flag", False),
        ("o", "object", {"p": "q"}),
        ("gone", "items", []),
    ],
)
def test_values(name, method, expected):
    assert getattr(Field(OBJECT, "", DocumentError)[name], method)() == expected


@pytest.mark.parametrize(
    "name, method, message",
    [
        ("n", "text", "n: must be a string"),
        ("gone", "text", "gone: is missing"),
        ("null", "text", "null: is missing"),
        ("c", "text", "c: must not hold control characters"),
        ("empty", "name", "empty: must not be empty"),
        ("t", "number", "t: must be a whole number or null"),
        ("f", "number", "f: must be a whole number or null"),
        ("s", "number", "s: must be a whole number or null"),
        ("n", "flag", "n: must be true or false"),
        ("s", "object", "s: must be an object"),
        ("gone", "object", "gone: is missing"),
        ("o", "items", "o: must be a list"),
        ("list", "members", "list: must be an object"),
    ],
)
def test_errors(name, method, message):
    with pytest.raises(DocumentError) as caught:
        getattr(Field(OBJECT, "", DocumentError)[name], method)()
    assert str(caught.value) == message


def test_paths():
    root = Field(OBJECT, "root", DocumentError)
    assert root["list"].items()[1].path == "root.list[1]"
    assert [(name, field.path) for name, field in root["o"].members()] == [("p", "root.o.p")]
    assert root["gone"].text("default") == "default"

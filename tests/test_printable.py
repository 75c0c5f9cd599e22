"""Text from outside cannot forge a line."""

from __future__ import annotations

import pytest

from mitmvault.core.formats.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain · text → ü", "plain · text → ü"),
        ("a\r\nb\x00\x1b[31m", "a\\x0d\\x0ab\\x00\\x1b[31m"),
        ("\x7f\x85", "\\x7f\\x85"),
        ("\u2028\u2029\u202e", "\\x2028\\x2029\\x202e"),
        ("\udce9", "\\xdce9"),
        ("", ""),
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(("text", "shown"), [("abc", "abc"), ("abcd", "ab…"), ("\x00", "\\x…"), ("", "")])
def test_with_a_limit(text, shown):
    assert printable(text, 3) == shown

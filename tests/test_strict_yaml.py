"""YAML as we take it: one line of error, nothing quoted, no key lost."""

from __future__ import annotations

import pytest

from mitmvault.core.formats.strict_yaml import read_yaml


@pytest.mark.parametrize(
    ("text", "document"),
    [("", None), ("# nothing", None), ("a: 1", {"a": 1}), ("a: {b: [c, {d: e}]}", {"a": {"b": ["c", {"d": "e"}]}})],
)
def test_documents(text: str, document: object) -> None:
    assert read_yaml(text) == document


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: {", "line 1"),
        ("secret-canary: 1\nsecret-canary: 2", "line 2: a key is there twice"),
        ("a: {b: 1, b: 2}", "twice"),
        ("{[secret-canary]: 1}", "must be a text"),
        ("? {a: b}\n: c", "must be a text"),
        ("a: secret-canary: b", "line 1"),
        ("a: !!python/object:os.system x", "line 1"),
        ("\x01", "characters"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_errors_are_one_line_and_quote_nothing(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="not valid YAML") as caught:
        read_yaml(text)
    said = str(caught.value)
    assert words in said and "\n" not in said and "canary" not in said

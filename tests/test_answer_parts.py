"""The parts of an answer, and what is taken out of documents that may be anything."""

from __future__ import annotations

from typing import Any

import pytest

from mitmvault.core.answer.answer_parts import CALL, TEXT, Part, Said, dumped, inside, objects, word


def test_pieces_and_the_whole() -> None:
    said = Said()
    said.add(0, TEXT, "Hel")
    said.add(1, CALL, "{", "f")
    said.add(0, TEXT, "lo")
    said.add(1, CALL, None, "g")
    assert [*said.parts.values()] == [Part(TEXT, "Hello"), Part(CALL, "{", "f")]
    said.put(0, TEXT, "Hello!")
    said.put(1, CALL, "", "f")  # an item that has only begun does not wipe out its pieces
    said.put(2, TEXT, 5)
    assert [*said.parts.values()] == [Part(TEXT, "Hello!"), Part(CALL, "{", "f")]


@pytest.mark.parametrize(
    ("taken", "found"),
    [
        (objects([{}, 1, "x", {"a": 1}]), [{}, {"a": 1}]),
        (objects({"a": {}}), []),
        (objects(None), []),
        (dumped({"a": "é"}), '{"a": "é"}'),
        (dumped(None), ""),
        (word("x"), "x"),
        (word(5), ""),
        (inside({"a": {"b": 1}}, "a", "b"), 1),
        (inside({"a": [1]}, "a", "b"), None),
        (inside(None, "a"), None),
    ],
)
def test_taken(taken: Any, found: Any) -> None:
    assert taken == found

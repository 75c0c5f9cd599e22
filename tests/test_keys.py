"""Strict round-robin."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitmvault.core.route.keys import Rotation


def test_every_key_in_turn_and_the_others_behind_it():
    rotation = Rotation()
    orders = [rotation.order("groq", ("a", "b", "c")) for _ in range(4)]
    assert orders == [("a", "b", "c"), ("b", "c", "a"), ("c", "a", "b"), ("a", "b", "c")]


@pytest.mark.parametrize("keys", [(), ("a",)])
def test_nothing_to_choose(keys):
    rotation = Rotation()
    assert {rotation.order("groq", keys) for _ in range(3)} == {keys}


def test_each_provider_has_its_own_turn():
    rotation = Rotation()
    seen = [rotation.order(name, ("a", "b"))[0] for name in ("x", "y", "x", "x", "y")]
    assert seen == ["a", "a", "b", "a", "b"]


@given(st.lists(st.integers(0, 4), max_size=200), st.lists(st.integers(1, 5), min_size=5, max_size=5))
def test_many_interleaved_requests_are_spread_evenly(providers, sizes):
    rotation, used = Rotation(), {name: Counter() for name in range(5)}
    for name in providers:
        keys = tuple(range(sizes[name]))
        order = rotation.order(str(name), keys)
        assert sorted(order) == list(keys)
        used[name][order[0]] += 1
    for name, counts in used.items():
        turns = [counts[key] for key in range(sizes[name])]
        assert max(turns) - min(turns) <= 1


def test_a_changed_list_keeps_the_turn():
    rotation = Rotation()
    assert rotation.order("x", ("a", "b"))[0] == "a"
    assert rotation.order("x", ("a", "b", "c"))[0] == "b"
    assert rotation.order("x", ("a",)) == ("a",)
    assert rotation.order("x", ("a", "b"))[0] == "b"


def test_a_clients_choice_moves_no_other_turn() -> None:
    rotation = Rotation()
    turns = [
        rotation.order("p", ("a", "b"))[0],
        rotation.order("p", ("b",), (1, 1))[0],
        rotation.order("p", ("a", "b"))[0],
    ]
    assert turns == ["a", "b", "b"]
    assert [rotation.order("p", ("b", "c"), (1, 2))[0] for _ in range(3)] == ["b", "c", "b"]

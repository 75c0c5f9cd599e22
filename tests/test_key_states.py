"""The keys as they fare."""

from __future__ import annotations

import pytest

from mitmvault.core.records import key_states
from mitmvault.core.records.key_states import KeyStates
from tests.worlds import PROVIDERS, world

FIRST, SECOND, THIRD = "#1 …0001", "#2 …0002", "#3 …0003"


def groq(states: KeyStates, now: float = 100.0) -> dict:
    return {row["key"]: row for row in states.table(world(), now) if row["provider"] == "groq"}


def test_before_anything_was_sent():
    states = KeyStates()
    assert [row["state"] for row in groq(states).values()] == ["unused", "expired", "unused"]
    assert len(states.table(world(), 1.0)) == sum(len(fields["keys"]) for fields in PROVIDERS.values())
    assert groq(states)[FIRST] == {
        "provider": "groq", "key": FIRST, "state": "unused", "used": 0, "status": None, "last": None, "until": None}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "wait", "now", "state", "until"),
    [
        (200, None, 100.0, "ok", None),
        (400, None, 100.0, "ok", None),  # the request's mistake
        (429, None, 100.0, "limited", None),
        (429, None, 161.0, "ok", None),
        (429, 300.0, 161.0, "limited", 400.0),
        (429, 300.0, 401.0, "ok", None),
        (429, 2.0, 103.0, "ok", None),
        (401, None, 999.0, "rejected", None),
        (402, None, 999.0, "rejected", None),
        (503, 9.0, 100.0, "failing", None),
        (None, None, 100.0, "failing", None),
    ],
)
def test_states(status, wait, now, state, until):
    states = KeyStates()
    states.attempted("groq", FIRST, 200, None, 50.0)
    states.attempted("groq", FIRST, status, wait, 100.0)
    row = groq(states, now)[FIRST]
    assert (row["state"], row["until"], row["used"], row["status"], row["last"]) == (state, until, 2, status, 100.0)


def test_an_expired_key_stays_one():
    states = KeyStates()
    states.attempted("groq", SECOND, 200, None, 1.0)
    assert groq(states)[SECOND]["state"] == "expired"


def test_keys_that_are_gone_are_forgotten():
    states = KeyStates()
    states.attempted("gone", "#1 …a1f3", 200, None, 1.0)
    states.attempted("groq", THIRD, 200, None, 1.0)
    groq(states)
    assert list(states._seen) == [("groq", THIRD)]


def test_of_a_fixed_size(monkeypatch):
    monkeypatch.setattr(key_states, "MOST", 2)
    states = KeyStates()
    for number in range(5):
        states.attempted("groq", f"#{number}", 200, None, 1.0)
        states.attempted("groq", "#0", 200, None, 1.0)
    assert set(states._seen) == {("groq", "#0"), ("groq", "#1")}

"""What came of a request, in words and for programs."""

from __future__ import annotations

import pytest

from mitmvault.core.explain import Explanation
from mitmvault.core.records import outcome
from mitmvault.core.records.record import Record

DONE = Record(1.0, "alice", status=200, bytes_in=5, bytes_out=12_345, first_byte_ms=80.4, duration_ms=2500.0)
DECISION = Explanation((("user", "alice"),), facts={"user": "alice", "keys": ["#1 …a1f3"]})


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (DONE, "200 to the client · first byte after 80 ms · 2.5 s in all · 5 bytes in, 12.3k out"),
        (Record(1.0, status=401, reason="missing_token"), "401 to the client · missing_token · 0 ms in all · 0 bytes in, 0 out"),
        (Record(1.0, aborted=True), "cut off before its end · 0 ms in all · 0 bytes in, 0 out"),
        (Record(1.0), "no answer · 0 ms in all · 0 bytes in, 0 out"),
    ],
)  # fmt: skip
def test_the_end(told, text):
    assert dict(outcome.steps(told))["ended"] == text


def test_attempts():
    attempts = [
        {"provider": "groq", "key": "#1 …a1f3", "status": 429, "wait": 2.0},
        {"provider": "groq", "key": "#2 …b2c4", "failure": "no answer"},
        {"provider": "openai", "key": "#1 …0001"},
    ]
    told = list(outcome.steps(DONE, attempts))
    assert told[:3] == [
        ("attempt 1", "groq, key #1 …a1f3: 429"),
        ("attempt 2", "groq, key #2 …b2c4: no answer"),
        ("attempt 3", "openai, key #1 …0001: 200"),
    ]


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ({}, None),
        ({"tokens_out": 5}, "5 out"),
        ({"tokens_in": 12_000, "tokens_out": 5, "tokens_cached_read": 0, "cost": 0.0123}, "12.0k in, 5 out, 0 from a cache · $0.0123"),
    ],
)  # fmt: skip
def test_tokens(counts, text):
    assert dict(outcome.steps(DONE._replace(**counts))).get("tokens") == text


def test_whole():
    told = outcome.whole(DECISION, DONE)
    assert told["reason"] is None and told["steps"][0] == ["user", "alice"] and told["steps"][-1][0] == "ended"
    assert told["facts"] == {"user": "alice", "keys": ["#1 …a1f3"]} and told["record"]["bytes_out"] == 12_345


def test_under_way():
    told = outcome.whole(DECISION, None)
    assert told["record"] is None and told["steps"][-1][0] == "under way"


def test_texts_are_short_and_printable():
    long = Explanation((("model", "m\x1b[31m" + "x" * 5000),), facts={"a": {"b": ["y" * 5000] * 99}, "n": 5})
    told = outcome.whole(long, None)
    assert told["steps"][0][1].startswith("m\\x1b[31m") and len(told["steps"][0][1]) == outcome.MAX_TEXT
    assert len(told["facts"]["a"]["b"]) == 64 and len(told["facts"]["a"]["b"][0]) == outcome.MAX_TEXT
    assert told["facts"]["n"] == 5

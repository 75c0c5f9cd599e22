"""The line about a request, and its mark."""

from __future__ import annotations

import pytest
from mitmproxy.utils.emoji import emoji

from mitmvault.core import story
from mitmvault.core.records.record import Record

ROW = {"started": 0.0, "user": "alice", "provider": "groq", "mode": "compat", "model_asked": "llama",
       "model_sent": "groq/llama", "key": "#2 …a1f3", "attempts": 1}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (("alice", "groq", "direct", None, None, "#1 …a", False), "alice → groq · key #1 …a"),
        (("alice", "groq", "direct", "m", "m", "#1 …a", False), "alice → groq · model m · key #1 …a"),
        (("al", "groq", "rest", "m", "groq/m", "of the gateway", False),
         "al → groq via rest gateway · model m → groq/m · key of the gateway"),
        (("al", "groq", "universal", "m", "m", "#1 …a, #2 …b", True),
         "al → groq via universal gateway · model m · keys #1 …a, #2 …b"),
    ],
)  # fmt: skip
def test_begun(given, line):
    assert story.begun(*given) == line


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ((None, None, None, None), ""),
        ((800, 12, "stated", None), " · 812 tok"),
        ((0, 0, "stated", 0.0), " · 0 tok · $0.0000"),
        ((12, None, "stated", 0.0004), " · 12 tok · $0.0004"),
        ((10_000, 2_345, "estimated", 1.5), " · ~12.3k tok · ~$1.5000"),
        ((None, None, "unknown", 0.5), " · $0.5000"),
    ],
)
def test_counts(given, text):
    assert story.counts(*given) == text


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, "alice → groq via compat gateway · model llama → groq/llama · key #2 …a1f3"),
        ({"attempts": 2, "tokens_in": 800, "tokens_out": 12, "tokens_source": "stated", "cost": 0.0004},
         "alice → groq via compat gateway · model llama → groq/llama · key #2 …a1f3 · 2 attempts · 812 tok · $0.0004"),
        ({"key": None, "mode": "rest"}, "alice → groq via rest gateway · model llama → groq/llama · key of the gateway"),
        ({"provider": None, "reason": "model_not_allowed"}, "alice · refused · model_not_allowed"),
        ({"provider": None, "user": None}, "nobody · refused"),
    ],
)  # fmt: skip
def test_the_line_of_a_row(fields, line):
    assert Record(**(ROW | fields)).story == line


@pytest.mark.parametrize(
    ("status", "facts", "came"),
    [
        (200, {}, "answered"),
        (101, {}, "answered"),
        (304, {}, "answered"),
        (200, {"attempts": 2}, "retried"),
        (429, {"attempts": 2}, "failed"),
        (500, {}, "failed"),
        (None, {}, "unanswered"),
        (200, {"held": True}, "held"),
        (200, {"aborted": True, "held": True}, "aborted"),
        (None, {"aborted": True}, "aborted"),
        (403, {"permitted": False}, "refused"),
    ],
)
def test_outcome(status, facts, came):
    usual = {"permitted": True, "held": False, "aborted": False, "attempts": 0}
    assert story.outcome(status, **(usual | facts)) == came


def test_mitmproxy_has_every_mark_and_no_two_are_alike():
    assert set(story.MARKS.values()) <= set(emoji)
    assert len(set(story.MARKS.values())) == len(story.MARKS)

"""The proxy's own words, for people."""

from __future__ import annotations

from mitmvault.core.records import live_rows

FLOW = "4f1c2a9b-0000-4000-8000-000000000000"
MINUTE = {"requests": 120, "errors": 1, "aborted": 0, "tokens_in": 12_345, "tokens_out": 600, "tokens_unknown": 0,
          "cost": 0.12, "cost_unknown": 2, "bytes_in": 1, "bytes_out": 2}  # fmt: skip
GOING = {"flow": FLOW, "user": "alice", "method": "POST", "provider": "groq", "model": "a", "key": "#1 …a1f3",
         "phase": "streaming", "age": 2.5, "attempts": 2, "bytes_in": 10, "bytes_out": 3000, "tokens_out": 99,
         "tokens_per_second": 41.6}  # fmt: skip
KEY = {"provider": "groq", "key": "#1 …a1f3", "state": "ok", "used": 3, "status": 200, "last": 90.0, "until": None}
ERROR = {"at": 95.0, "user": None, "provider": None, "model": None, "status": 401, "reason": "missing_token", "flow": FLOW}  # fmt: skip


def status(**more):
    return {"version": "1.2", "started": 40.0, "now": 100.0, "under_way": [GOING], "keys": [KEY], "errors": [ERROR],
            "minute": MINUTE} | more  # fmt: skip


def rows(status, before=None):
    return {name: [dict(zip(columns, row, strict=True)) for row in rows] for name, columns, rows in
            live_rows.tables(status, before)}  # fmt: skip


def test_headline():
    assert live_rows.headline(status()) == (
        "mitmvault 1.2, up 1m 0s · 1 under way · last minute: 120 requests, 1 error · 12.3k tokens in · "
        "600 out (10.0/s) · $ 0.1200 + ?"
    )


def test_unknown_is_not_0():
    unknown = MINUTE | {"tokens_in": None, "tokens_out": None, "tokens_unknown": 1, "cost": None, "cost_unknown": 1}
    assert live_rows.headline(status(minute=unknown)).endswith("? tokens in · ? out · $ ?")
    nothing = unknown | {"tokens_unknown": 0, "cost_unknown": 0}
    assert live_rows.headline(status(minute=nothing)).endswith("0 tokens in · 0 out · $ 0.0000")


def test_tables():
    found = rows(status())
    assert found["under way"] == [{"age": "2.5 s", "user": "alice", "provider": "groq", "model": "a", "key": "#1 …a1f3",
                                   "phase": "streaming ×2", "in": "10 B", "out": "3.00 kB", "out/s": "-", "tok/s": "~42",
                                   "flow": "4f1c2a9b"}]  # fmt: skip
    assert found["keys"] == [
        {"provider": "groq", "key": "#1 …a1f3", "state": "ok", "used": "3", "last": "200, 10.0 s ago"}
    ]
    assert found["errors"] == [{"ago": "5.0 s", "user": "-", "provider": "-", "model": "-",
                                "what": "401 missing_token", "flow": "4f1c2a9b"}]  # fmt: skip


def test_what_there_is_not():
    going = GOING | {
        "provider": None,
        "model": None,
        "key": None,
        "phase": "request",
        "attempts": 1,
        "tokens_per_second": None,
    }
    key = KEY | {"state": "unused", "used": 0, "status": None, "last": None}
    error = ERROR | {"status": None, "reason": None, "flow": None}
    found = rows(status(under_way=[going], keys=[key], errors=[error]))
    assert (found["under way"][0]["provider"], found["under way"][0]["phase"]) == ("-", "request")
    assert found["under way"][0]["tok/s"] == "-"
    assert found["keys"][0]["last"] == "-" and found["errors"][0]["what"] == "no answer"
    assert found["errors"][0]["flow"] == "-"


def test_a_key_that_has_to_wait():
    found = rows(status(keys=[KEY | {"state": "limited", "status": 429, "until": 130.0}]))
    assert found["keys"][0]["state"] == "limited, 30.0 s more" and found["keys"][0]["last"] == "429, 10.0 s ago"


def test_rates_are_of_the_time_between_two_looks():
    before = status(now=98.0, under_way=[GOING | {"bytes_out": 1000}])
    assert rows(status(), before)["under way"][0]["out/s"] == "1.00 kB"
    assert rows(status(), status(under_way=[]))["under way"][0]["out/s"] == "-"
    assert rows(status(), status())["under way"][0]["out/s"] == "-"  # no time has passed

"""What is added where for one finished request; labels stay few, and the unknown stays unknown."""

from __future__ import annotations

import pytest

from mitmvault.core.records.measures import HISTOGRAM, MEASURES
from mitmvault.core.records.record import INQUIRY, Record
from mitmvault.core.records.tally import MAX_PROVIDERS, Spread, Tally, outcome
from mitmvault.core.refusal import REASONS

DONE = Record(
    1.0, "alice", "s-1", "listener", "POST", "groq", "m", "groq/m", "api.groq.com", "compat", "#1 …a1f3", 2, 200,
    bytes_in=10, bytes_out=20, first_byte_ms=300.0, duration_ms=2000.0, tokens_in=5, tokens_out=6,
    tokens_cached_read=3, cost=0.25, overhead_ms=2.0,
)  # fmt: skip


def counted(*rows: Record) -> Tally:
    tally = Tally()
    for row in rows:
        tally.count(row)
    return tally


def test_an_answer():
    sums = counted(DONE, DONE).sums
    assert sums["mitmvault_requests_total"] == {("groq", "compat", "2xx"): 2}
    assert sums["mitmvault_attempts_total"] == {("groq",): 4}
    assert sums["mitmvault_request_bytes_total"] == {("groq",): 20}
    assert sums["mitmvault_response_bytes_total"] == {("groq",): 40}
    assert sums["mitmvault_tokens_total"] == {("groq", "input"): 10, ("groq", "output"): 12, ("groq", "cached_read"): 6}
    assert sums["mitmvault_cost_dollars_total"] == {("groq",): 0.5}
    assert sums["mitmvault_refusals_total"] == sums["mitmvault_uncounted_requests_total"] == {}


def test_times():
    spreads = counted(DONE, DONE._replace(duration_ms=700_000.0, first_byte_ms=None)).spreads
    took = spreads["mitmvault_request_duration_seconds"][("groq",)]
    assert took.sum == 702.0 and list(took.cumulative())[-1] == (float("inf"), 2)
    assert dict(took.cumulative())[2.5] == 1 and dict(took.cumulative())[1.0] == 0 and dict(took.cumulative())[640] == 1
    assert spreads["mitmvault_overhead_seconds"][("groq",)].sum == 0.004
    first = spreads["mitmvault_time_to_first_byte_seconds"][("groq",)]
    assert sum(first.counts) == 1 and first.sum == 0.3


def test_a_buckets_upper_end_belongs_to_it():
    spread = Spread((1.0, 2.0))
    for value in (1.0, 1.5, 2.0, 3.0, 0.0):
        spread.add(value)
    assert list(spread.cumulative()) == [(1.0, 2), (2.0, 4), (float("inf"), 5)]


@pytest.mark.parametrize(
    ("changes", "came"),
    [
        ({}, "2xx"),
        ({"status": 101}, "1xx"),
        ({"status": 404}, "4xx"),
        ({"status": 529}, "5xx"),
        ({"status": 999}, "other"),
        ({"status": 502, "reason": "upstream_unreachable"}, "failed"),
        ({"status": None}, "failed"),
        ({"aborted": True}, "aborted"),
        ({"provider": None, "status": 401, "reason": "missing_token"}, "refused"),
    ],
)
def test_outcomes(changes, came):
    row = DONE._replace(**changes)
    assert outcome(row) == came
    assert [labels[2] for labels in counted(row).sums["mitmvault_requests_total"]] == [came]


def test_a_refusal_has_a_reason_and_nothing_of_a_provider():
    tally = counted(Record(1.0, status=401, reason="missing_token", bytes_out=99))
    assert tally.sums["mitmvault_refusals_total"] == {("missing_token",): 1}
    assert tally.sums["mitmvault_requests_total"] == {("none", "none", "refused"): 1}
    assert not tally.sums["mitmvault_attempts_total"] and not any(tally.spreads.values())


def test_the_unknown_is_counted_as_such_and_only_where_a_provider_worked():
    unknown = DONE._replace(tokens_in=None, tokens_out=None, tokens_cached_read=None, cost=None)
    tally = counted(unknown, unknown._replace(status=404), unknown._replace(method="GET"))
    assert tally.sums["mitmvault_uncounted_requests_total"] == {("groq", "cost"): 1, ("groq", "tokens"): 1}
    assert not tally.sums["mitmvault_cost_dollars_total"] and not tally.sums["mitmvault_tokens_total"]


def test_what_we_ask_ourselves_is_counted_apart():
    sums = counted(DONE._replace(way=INQUIRY)).sums
    assert sums.pop("mitmvault_inquiries_total") == {("groq", "2xx"): 1} and not any(sums.values())


def test_providers_come_to_an_end():
    rows = (DONE._replace(provider=f"p{number}") for number in range(MAX_PROVIDERS + 50))
    series = counted(*rows).sums["mitmvault_requests_total"]
    assert len(series) == MAX_PROVIDERS + 1 and series["other", "compat", "2xx"] == 50


def test_names_and_labels_are_those_of_the_table():
    rows = (DONE, DONE._replace(way=INQUIRY), DONE._replace(cost=None, tokens_in=None, tokens_out=None, tokens_reasoning=1),
            *(Record(1.0, reason=reason) for reason in REASONS))  # fmt: skip
    tally = counted(*rows)
    for name, series in (*tally.sums.items(), *tally.spreads.items()):
        assert (name in tally.spreads) == (MEASURES[name].kind == HISTOGRAM)
        assert all(len(labels) == len(MEASURES[name].labels) for labels in series)
    assert len(tally.sums["mitmvault_refusals_total"]) == len(REASONS)

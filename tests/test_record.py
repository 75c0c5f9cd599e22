"""A row: what a permit and a count of tokens put into it, whatever they hold."""

from __future__ import annotations

import math

import pytest

from mitmvault.core.decide import decide
from mitmvault.core.records import record
from mitmvault.core.records.record import Counted, Permitted, Record, counted, permitted
from mitmvault.core.secret import Secret
from mitmvault.core.verdict import Permit
from tests.worlds import AIG_TOKEN, JSON, PROVIDERS, arrival, bearer, chat, through_gateway, world


def permit(model: str = "cheap", **fields) -> Permit:
    found = decide(fields.pop("world", world()), arrival("/groq/v1/chat/completions", bearer(), JSON), chat(model))
    assert isinstance(found, Permit)
    return found


def test_a_permit():
    assert permitted(permit()) == Permitted("groq", "cheap", "cheap", "api.groq.com", "direct", "#1 …0001")
    assert set(permitted(None)) == {None}


def test_the_parts_stand_in_a_row_as_they_are():
    """They are put into it by position. (addons/rows.py)"""
    columns = " ".join(Record._fields)
    assert " ".join(("method", *Permitted._fields, "attempts")) in columns
    assert " ".join(("duration_ms", *Counted._fields, "flow")) in columns


def test_a_permit_for_the_gateway():
    row = permitted(permit(world=through_gateway()))
    assert (row.mode, row.target) == ("compat", "gateway.ai.cloudflare.com")
    assert (row.model_asked, row.model_sent) == ("cheap", "groq/cheap")


def test_no_secret_comes_into_a_row():
    row = Record(0.0, **permitted(permit(world=through_gateway()))._asdict())
    secrets = [key["key"] for entry in PROVIDERS.values() for key in entry["keys"]] + [AIG_TOKEN]
    assert not [secret for secret in secrets if secret in str(row)]
    assert not [value for value in row if isinstance(value, Secret)]


def test_a_model_that_would_forge_a_line():
    row = permitted(permit("x\r\n\x1b[2J" + "y" * 999))
    assert row.model_asked.startswith("x\\x0d\\x0a\\x1b[2Jyyy") and row.model_asked.isprintable()
    assert len(row.model_asked) == record.MAX_TEXT


def test_a_count():
    usage = {"input": 10, "output": 0, "cached_read": 3, "cached_write": None, "reasoning": 2**63 - 1}
    assert counted(usage | {"source": "reported", "cost": 1}) == Counted(10, 0, 3, None, 2**63 - 1, "reported", 1.0)


@pytest.mark.parametrize("usage", [None, 5, [], "input", {}, {"input": None}])
def test_what_is_not_known_is_none(usage):
    assert set(counted(usage)) == {None}


@pytest.mark.parametrize("count", [-1, 1.5, "7", True, 2**63, [1], math.nan])
def test_a_count_that_makes_no_sense_is_not_known(count):
    assert set(counted({"input": count, "source": 7, "cost": None})) == {None}


@pytest.mark.parametrize("cost", [-1, math.nan, math.inf, "0.1", True, [0]])
def test_a_cost_that_makes_no_sense_is_not_known(cost):
    assert counted({"cost": cost}).cost is None


@pytest.mark.parametrize(("value", "kept"), [("missing_token", "missing_token"), ("x", None), (None, None), (3, None)])
def test_reasons(value, kept):
    assert record.reason_of(value) == kept


@pytest.mark.parametrize(("value", "kept"), [("a", "a"), ("", None), (None, None), (3, None), ("\x00", "\\x00")])
def test_texts(value, kept):
    assert record.text(value) == kept

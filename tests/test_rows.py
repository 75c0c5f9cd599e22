"""One row per flow, made from what the flow, its permit and its meter say."""

from __future__ import annotations

from mitmproxy.test import tflow

from mitmvault.addons.attempts import ATTEMPTS
from mitmvault.addons.fail_closed import refuse
from mitmvault.addons.rows import USAGE, row
from mitmvault.core.decide import decide
from mitmvault.core.records.record import INQUIRY
from mitmvault.core.refusal import Refusal
from mitmvault.wire import meter, permits
from tests.worlds import JSON, arrival, bearer, chat, world

COUNTED = {
    "input": 5,
    "output": 6,
    "cached_read": 1,
    "cached_write": 2,
    "reasoning": 3,
    "source": "reported",
    "cost": 0.5,
}


def permitted(**fields):
    flow = tflow.tflow(resp=True, **fields)
    permits.attach(flow.request, decide(world(), arrival("/openai/v1/x", bearer(), JSON), chat()))
    flow.request.timestamp_start = 100.0
    return flow


def test_an_answer():
    flow = permitted()
    flow.metadata |= {"mitmvault_session": "s-1", USAGE: COUNTED, ATTEMPTS: [{}, {}]}
    found = meter.of(flow.request)
    found.bytes_in, found.bytes_out, found.first_byte, found.spent = 7, 8, 100.5, 1.25
    told = row(flow, "tunnel", 102.0)
    assert told._asdict() == {
        "started": 100.0, "user": "alice", "session": "s-1", "way": "tunnel", "method": "GET", "provider": "openai",
        "model_asked": "cheap", "model_sent": "cheap", "target": "api.openai.com", "mode": "direct", "key": "#1 …0001",
        "attempts": 2, "status": 200, "reason": None, "aborted": False, "bytes_in": 7, "bytes_out": 8,
        "first_byte_ms": 500.0, "duration_ms": 2000.0, "tokens_in": 5, "tokens_out": 6, "tokens_cached_read": 1,
        "tokens_cached_write": 2, "tokens_reasoning": 3, "tokens_source": "reported", "cost": 0.5, "flow": flow.id,
        "overhead_ms": 1250.0,
    }  # fmt: skip


def test_an_answer_of_which_nothing_is_known():
    told = row(permitted(), "listener", 100.25)
    assert (told.tokens_in, told.cost, told.session, told.tokens_source) == (None, None, None, None)
    assert (told.attempts, told.bytes_out, told.first_byte_ms) == (1, len(b"message"), 250.0)


def test_a_refusal():
    flow = tflow.tflow()
    refuse(flow, Refusal("missing_token", "No."))
    told = row(flow, "listener", flow.request.timestamp_start + 1)
    assert (told.status, told.reason, told.user, told.provider, told.attempts) == (401, "missing_token", None, None, 0)


def test_a_count_that_a_refused_flow_brought_along_is_not_its_own():
    flow = permitted()
    flow.metadata[USAGE] = COUNTED
    refuse(flow, Refusal("model_not_allowed", "No."))
    assert row(flow, "listener", 1.0).cost is None


def test_the_reason_of_an_earlier_life_is_not_that_of_a_replay():
    flow = permitted()
    flow.metadata["mitmvault_refusal"] = "missing_token"
    assert row(flow, "listener", 1.0).reason is None


def test_an_answer_of_ours_in_place_of_theirs():
    flow = permitted()
    flow.metadata["mitmvault_held"] = "whole"
    flow.response.status_code = 502
    flow.response.headers["x-mitmvault-reason"] = "upstream_redirect"
    assert row(flow, "listener", 1.0)[12:14] == (502, "upstream_redirect")


def test_a_provider_that_speaks_of_reasons_is_not_believed():
    flow = permitted()
    flow.response.headers["x-mitmvault-reason"] = "missing_token"
    assert row(flow, "listener", 1.0).reason is None


def test_no_answer():
    flow = permitted(err=True)
    flow.response = None
    found = meter.of(flow.request)
    found.reason, found.status = "upstream_unreachable", 502
    told = row(flow, "listener", 101.0)
    assert (told.status, told.reason, told.first_byte_ms, told.bytes_out) == (502, "upstream_unreachable", None, 0)


def test_an_inquiry_and_a_strange_method():
    flow = permitted()
    flow.metadata["mitmvault_inquiry"] = True
    flow.request.method = "A\x1b" * 99
    told = row(flow, "listener", 1.0)
    assert told.way == INQUIRY and told.method == "A\\x1b" * 8


def test_a_clock_that_was_set_back():
    assert row(permitted(), "listener", 1.0).duration_ms == 0.0

"""One line for every request, and nothing in it that could forge another."""

from __future__ import annotations

import pytest
from mitmproxy.test import tflow

from mitmvault.addons.fail_closed import refuse
from mitmvault.addons.journal import Journal
from mitmvault.core.decide import decide
from mitmvault.core.refusal import Refusal
from mitmvault.wire import meter, permits
from tests.worlds import JSON, arrival, bearer, chat, world


def line(caplog, flow) -> list[str]:
    caplog.set_level("INFO")
    Journal().ended(flow, 1.0)
    return [record.getMessage() for record in caplog.records]


def permitted(**fields):
    flow = tflow.tflow(resp=True, **fields)
    permit = decide(world(), arrival("/openai/v1/x", bearer(), JSON), chat())
    permits.attach(flow.request, permit)
    flow.comment = permit.story
    flow.request.path = "/v1/x?secret=1"
    return flow


@pytest.mark.parametrize(
    ("status", "mark"),
    [(200, ":white_check_mark:"), (101, ":white_check_mark:"), (429, ":warning:"), (500, ":warning:")],
)
def test_an_answer(caplog, status, mark):
    flow = permitted()
    flow.response.status_code = status
    (told,) = line(caplog, flow)
    assert (
        told.startswith(f"alice → openai · model cheap · key #1 …0001 · GET /v1/x · {status}") and "secret" not in told
    )
    assert told.endswith(" ms") and flow.marked == mark


def test_an_error(caplog):
    flow = permitted(err=True)
    flow.error.msg = "gone\r\nforged"
    (told,) = line(caplog, flow)
    assert "gone\\x0d\\x0aforged" in told and flow.marked == ":x:"


def test_a_refusal(caplog):
    flow = tflow.tflow()
    refuse(flow, Refusal("model_not_allowed", "Your token does not allow the model a\nb."))
    flow.request.path = "/x\n?key=t"
    (told,) = line(caplog, flow)
    assert told.isprintable() and "a\\x0ab" in told and "403" in told and "key" not in told


def test_a_line_stays_short_whatever_the_client_names(caplog):
    flow = permitted()
    flow.comment, flow.request.path = "model " + "x" * 100_000, "/" + "y" * 100_000
    (told,) = line(caplog, flow)
    assert len(told) < 3000 and told.startswith("model xxx") and "x… · GET /yyy" in told and "y… · 200 · " in told


def test_our_own_pages_are_not_told(caplog):
    assert line(caplog, tflow.tflow(resp=True)) == []


def test_what_mitmvault_cut_off_when_it_stopped(caplog):
    flow = permitted()
    flow.response.timestamp_end, meter.of(flow.request).aborted = None, True
    (told,) = line(caplog, flow)
    assert told.endswith(" · GET /v1/x · cut off") and flow.marked == ":scissors:"

"""No hook lets an exception out, and no exception lets a request out."""

from __future__ import annotations

import asyncio
import json

import pytest
from mitmproxy.test import tflow

from mitmvault.addons.fail_closed import fail_closed, refuse, report
from mitmvault.core.decide import decide
from mitmvault.core.refusal import Refusal
from mitmvault.wire import permits
from tests.worlds import JSON, arrival, bearer, chat, world

SECRET = "made-up-secret-0001"


class Addon:
    @fail_closed
    def request(self, flow):
        raise ValueError(SECRET)

    @fail_closed
    async def requestheaders(self, flow):
        raise KeyError(SECRET)

    @fail_closed
    def fine(self, flow):
        flow.comment = "seen"


def permitted_flow():
    flow = tflow.tflow()
    flow.request.headers["expect"] = "100-continue"
    flow.request.stream = True
    permits.attach(flow.request, decide(world(), arrival("/openai/v1/x", bearer(), JSON), chat()))
    return flow


@pytest.mark.parametrize("name", ["request", "requestheaders"])
def test_an_exception_becomes_a_500_and_takes_the_permit_back(name, caplog):
    flow = permitted_flow()
    outcome = getattr(Addon(), name)(flow)
    if outcome is not None:
        asyncio.run(outcome)
    assert flow.response.status_code == 500 and permits.of(flow.request) is None
    assert json.loads(flow.response.content)["error"]["code"] == "internal_error"
    assert f"Addon.{name} failed" in caplog.text and "test_fail_closed.py" in caplog.text
    assert SECRET not in caplog.text + repr(flow.get_state())


def test_what_does_not_fail_is_left_alone():
    flow = permitted_flow()
    Addon().fine(flow)
    assert flow.response is None and flow.comment == "seen" and permits.of(flow.request)


def test_mitmproxy_finds_the_hooks_by_name():
    assert Addon.request.__name__ == "request"
    assert asyncio.iscoroutinefunction(Addon.requestheaders) and not asyncio.iscoroutinefunction(Addon.request)


def test_refuse():
    flow = permitted_flow()
    refuse(flow, Refusal("no_provider", "Say where.", "anthropic"))
    assert permits.of(flow.request) is None
    assert "expect" not in flow.request.headers and flow.request.stream is False
    assert flow.response.status_code == 400 and flow.response.headers["x-mitmvault-reason"] == "no_provider"
    assert json.loads(flow.response.content)["type"] == "error"
    assert flow.metadata["mitmvault_refusal"] == "no_provider" and flow.marked == ":no_entry:"
    assert flow.comment == "refused · no_provider · Say where."


def test_report_without_a_traceback(caplog):
    report("here", RuntimeError(SECRET))
    assert "here failed: RuntimeError at ?" in caplog.text and SECRET not in caplog.text

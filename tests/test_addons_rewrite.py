"""The view "Rewrite", from a flow to its text."""

from __future__ import annotations

from types import SimpleNamespace

from mitmproxy import http

from mitmvault.addons.bookkeeper import Bookkeeper
from mitmvault.addons.endings import Endings
from mitmvault.addons.observer import Observer
from mitmvault.addons.rewrite import Rewrite
from tests.test_gate import BEARER, flow_of, gate, passed
from tests.test_tunnels import Held
from tests.worlds import AIG_TOKEN, TOKENS, chat, through_gateway, world

TARGET = "/groq/v1/chat/completions"


def text(flow: http.HTTPFlow) -> str:
    books = Bookkeeper(Held(world(configured="ledger_days: 0")), SimpleNamespace(has=lambda client: False))
    return Rewrite(Observer(books.keeper, books, Endings(books=books.ended))).render(flow)


def test_a_permitted_request() -> None:
    flow = passed(gate(through_gateway()), flow_of(TARGET, BEARER, ("Cookie", "a=b"), body=chat("m")))
    flow.response = http.Response.make(200)
    shown = text(flow)
    assert shown.startswith(flow.comment) and '"model": "m"' in shown and '"model": "groq/m"' in shown
    assert f"~ POST {TARGET}" in shown and "\n- Cookie: [removed]\n" in shown and "cf-aig-authorization" in shown
    assert not any(secret in shown for secret in (AIG_TOKEN, TOKENS["alice"], "gsk-made-up-groq-0001", "a=b"))


def test_a_model_that_is_not_changed_is_not_compared() -> None:
    assert '"model"' not in text(passed(gate(), flow_of(TARGET, BEARER, body=chat("m"))))


def test_a_refused_request() -> None:
    shown = text(passed(gate(), flow_of("/nobody/v1/x", BEARER)))
    assert "no_provider" in shown and "Authorization: [user token]" in shown and "AFTER" not in shown


def test_a_flow_from_a_file() -> None:
    flow = passed(gate(), flow_of(TARGET, BEARER, body=chat("m")))
    kept = http.HTTPFlow.from_state(flow.get_state())
    shown = text(kept)
    assert "AFTER" not in shown and "Bearer [groq #1 …0001]" in shown and "way in" in shown


def test_a_connection_that_was_open_has_no_part_in_the_timings() -> None:
    flow = passed(gate(), flow_of(TARGET, BEARER, body=chat("m")))
    flow.response = http.Response.make(200)
    began = flow.request.timestamp_start
    flow.request.timestamp_end = began + 0.002
    flow.server_conn.timestamp_tcp_setup = began - 5
    flow.response.timestamp_start, flow.response.timestamp_end = began + 0.1, began + 2.5
    (line,) = [line for line in text(flow).splitlines() if line.startswith("timings")]
    assert line == "timings   request complete 2 ms · answer's head 100 ms · answer's end 2.5 s"

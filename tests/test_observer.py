"""What the running proxy knows of itself: under way, ended, decided."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from mitmvault.addons import observer as module
from mitmvault.addons.attempts import ATTEMPTS
from mitmvault.addons.bookkeeper import Bookkeeper
from mitmvault.addons.endings import Endings
from mitmvault.addons.observer import Observer
from mitmvault.core.records.control import ControlError
from mitmvault.wire import meter
from tests.test_gate import BEARER, KEYS, flow_of, gate, passed
from tests.test_tunnels import Held
from tests.worlds import AIG_TOKEN, TOKENS, chat, through_gateway, world

TARGET = "/groq/v1/chat/completions"
PROMPT = "the-secret-plan"


@pytest.fixture
def books():
    keeper = Held(world(configured="ledger_days: 0"))
    return Bookkeeper(keeper, SimpleNamespace(has=lambda client: False))


@pytest.fixture
def endings(books):
    return Endings(books=books.ended)


@pytest.fixture
def observer(books, endings):
    return Observer(books.keeper, books, endings)


def ended(endings, flow, response: http.Response | None = None):
    endings.requestheaders(flow)
    flow.response = flow.response or response or http.Response.make(200, b"{}")
    endings.response(flow)
    return flow


def sent(made=None, target: str = TARGET, **fields):
    return passed(gate(made), flow_of(target, BEARER, **fields))


def keys(observer) -> dict[str, dict]:
    return {row["key"]: row for row in observer.status()["keys"] if row["provider"] == "groq"}


def test_under_way(endings, observer):
    flow = sent(body=chat("m" * 999))
    flow.request.timestamp_start -= 2
    endings.requestheaders(flow)
    (row,) = observer.status()["under_way"]
    assert (row["flow"], row["user"], row["provider"], row["phase"]) == (flow.id, "alice", "groq", "waiting")
    assert row["age"] >= 2 and row["key"] == "#1 …0001" and len(row["model"]) == 256 and row["attempts"] == 1
    found = meter.of(flow.request)
    found.first_byte, found.bytes_out = 5.0, 17
    flow.metadata[ATTEMPTS] = [{}, {}]
    (row,) = observer.status()["under_way"]
    assert (row["phase"], row["bytes_out"], row["attempts"]) == ("streaming", 17, 2)
    flow.response = http.Response.make(200)
    endings.response(flow)
    assert observer.status()["under_way"] == []


def test_what_is_nobodys_is_not_shown(endings, observer):
    for flow in (tflow.tflow(), passed(gate(), flow_of(TARGET))):
        endings.requestheaders(flow)
    assert observer.status()["under_way"] == []


def test_a_body_that_is_on_its_way(endings, observer):
    flow = flow_of(TARGET)
    flow.metadata["mitmvault_user"] = "alice"
    endings.requestheaders(flow)
    (row,) = observer.status()["under_way"]
    assert (row["phase"], row["provider"], row["model"]) == ("request", None, None)


def test_the_end(endings, observer):
    flow = ended(endings, sent(), http.Response.make(429, b"", {"Retry-After": "30"}))
    status = observer.status()
    assert (status["minute"]["requests"], status["minute"]["errors"]) == (1, 1)
    assert [(error["flow"], error["status"]) for error in status["errors"]] == [(flow.id, 429)]
    row = keys(observer)["#1 …0001"]
    assert (row["state"], row["used"]) == ("limited", 1) and 25 < row["until"] - status["now"] <= 30


def test_inquiries_are_in_no_sum(endings, observer):
    flow = sent()
    flow.metadata["mitmvault_inquiry"] = True
    ended(endings, flow)
    assert observer.status()["minute"]["requests"] == 0 and keys(observer)["#1 …0001"]["used"] == 1


@pytest.mark.parametrize(
    ("attempts", "used"),
    [
        ([], {"#1 …0001": 200}),
        ([{"status": 429, "wait": 5.0}], {"#3 …0003": 429, "#1 …0001": 200}),
        ([{"failure": "no answer"}], {"#3 …0003": None, "#1 …0001": 200}),
    ],
)
def test_keys_of_attempts(endings, observer, attempts, used):
    flow = sent()
    told = [{"provider": "groq", "key": "#3 …0003"} | attempt for attempt in attempts]
    flow.metadata[ATTEMPTS] = [*told, {"provider": "groq", "key": "#1 …0001"}] if told else []
    ended(endings, flow)
    assert {key: row["status"] for key, row in keys(observer).items() if row["used"]} == used


def test_the_last_attempt_is_not_counted_twice(endings, observer):
    flow = sent()
    flow.metadata[ATTEMPTS] = [{"provider": "groq", "key": "#1 …0001", "status": 503} for _ in range(2)]
    ended(endings, flow, http.Response.make(503))
    assert keys(observer)["#1 …0001"]["used"] == 2


def test_an_answer_of_ours_is_none_of_the_keys(endings, observer):
    flow = sent()
    meter.of(flow.request).reason = "upstream_unreachable"
    ended(endings, flow, http.Response.make(502))
    assert keys(observer)["#1 …0001"]["state"] == "failing" and keys(observer)["#1 …0001"]["status"] is None


def test_who_left_says_nothing_of_the_key(endings, observer):
    flow = sent()
    endings.requestheaders(flow)
    meter.of(flow.request).aborted = True
    endings.error(flow)
    assert keys(observer)["#1 …0001"]["used"] == 0


def steps(told) -> dict[str, str]:
    return dict(told["steps"])


def test_explained(endings, observer):
    flow = ended(endings, sent(through_gateway(), f"{TARGET}?q={PROMPT}", body=chat()))
    told = observer.explain(flow.id)
    assert told["flow"] == flow.id and told["reason"] is None and told["facts"]["rule"] == "path prefix /groq/"
    assert steps(told)["model"] == "cheap → groq/cheap" and "200 to the client" in steps(told)["ended"]
    assert "#1 …0001" in steps(told)["key"] and "authorization" in steps(told)["removed"]
    text = json.dumps(told)
    assert not any(secret in text for secret in (*TOKENS.values(), *KEYS, AIG_TOKEN, PROMPT, "hi"))
    assert observer.explain(flow.id[:8]) == told


def test_a_refusal_explained(endings, observer):
    flow = ended(endings, passed(gate(), flow_of(f"/nobody/v1/x?key={TOKENS['alice']}&q={PROMPT}", BEARER)))
    told = observer.explain(flow.id)
    assert told["reason"] == "no_provider" and steps(told)["refused"] == "400 no_provider"
    assert steps(told)["request"] == "POST /nobody/v1/x?…" and steps(told)["why"]
    assert PROMPT not in json.dumps(told) and TOKENS["alice"] not in json.dumps(told)


def test_one_under_way_explained(endings, observer):
    flow = sent()
    endings.requestheaders(flow)
    assert "under way" in steps(observer.explain(flow.id)) and steps(observer.explain(flow.id))["user"] == "alice"


def test_an_end_that_nobody_decided(endings, observer):
    flow = flow_of(TARGET)
    meter.of(flow.request).reason = "bad_request"
    ended(endings, flow, http.Response.make(400))
    assert list(steps(observer.explain(flow.id))) == ["way in", "ended"]


def test_what_is_not_remembered(endings, observer, monkeypatch):
    monkeypatch.setattr(module, "DECISIONS", 2)
    flows = [ended(endings, sent()) for _ in range(3)]
    with pytest.raises(ControlError, match="remembered"):
        observer.explain(flows[0].id)
    assert observer.explain(flows[2].id)["flow"] == flows[2].id
    with pytest.raises(ControlError, match="first 8"):
        observer.explain(flows[2].id[:7])
    with pytest.raises(ControlError, match="remembered"):
        observer.explain("x" * 36)


def test_a_prefix_of_two(endings, observer):
    for tail in ("1", "2"):
        flow = sent()
        flow.id = "12345678-" + tail
        ended(endings, flow)
    with pytest.raises(ControlError, match="2 flows"):
        observer.explain("12345678")


def test_a_replay_takes_the_place_of_its_first_life(endings, observer):
    flow = ended(endings, sent())
    flow.request.__dict__.pop("_mitmvault_meter")
    flow.response = None
    ended(endings, flow, http.Response.make(500))
    assert "500" in steps(observer.explain(flow.id))["ended"] and len(observer._decisions) == 1


def test_before_there_is_a_world(books, observer):
    books.keeper.current = None
    assert observer.status()["keys"] == []

"""The meter beside an answer's stream: bytes pass untouched, the count is there at the end, failures stay inside."""

from __future__ import annotations

import json

import pytest
from mitmproxy import http, websocket
from mitmproxy.test import tflow
from wsproto.frame_protocol import Opcode

from mitmvault.addons import counting
from mitmvault.addons.answers import Answers
from mitmvault.addons.counting import SMALL, TOGETHER, Counter, Tap
from mitmvault.addons.endings import Endings
from mitmvault.addons.rows import USAGE
from mitmvault.core.decide import decide
from mitmvault.core.route import universal
from mitmvault.core.verdict import Counting
from mitmvault.local import prices
from mitmvault.wire import permits
from tests.answers_with_usage import CORPUS, counted
from tests.worlds import JSON, arrival, bearer, chat, world

NAMED = {answer.name: answer for answer in CORPUS}
ANSWER = NAMED["openai-chat-stream-cached"]


def begun(path="/openai/v1/chat/completions", status=200, headers=ANSWER.headers, method="POST", body=None, **fields):
    """A flow whose answer's head has come, and the addon."""
    flow = tflow.tflow()
    permit = decide(world(), arrival(path, bearer(), JSON, method=method), body or chat())
    permits.attach(flow.request, permit)
    flow.request.method, flow.request.content = method, body or chat()
    flow.response = http.Response.make(status, b"", headers)
    addon = Counter()
    Answers().responseheaders(flow)
    addon.responseheaders(flow)
    return flow, addon


def play(flow, chunks):
    return b"".join(piece for chunk in chunks for piece in flow.response.stream(chunk))


def test_what_the_provider_states():
    flow, addon = begun()
    chunks = [ANSWER.body[at : at + 50] for at in range(0, len(ANSWER.body), 50)]
    assert play(flow, [*chunks, b""]) == ANSWER.body
    assert USAGE not in flow.metadata
    addon.ended(flow, 1.0)
    told = flow.metadata[USAGE]
    assert {name: told[name] for name in ANSWER.expect} == ANSWER.expect
    assert told["source"] == "stated"
    assert told["cost"] == prices.cost("openai", ["gpt-4o"], told) and told["cost"] > 0
    json.dumps(told)  # metadata is written into dumps


def test_every_chunk_passes_at_once():
    flow, _ = begun()
    for chunk in (b"data: {", b'"a":1}', b"\n", b"\n"):
        assert b"".join(flow.response.stream(chunk)) == chunk


def test_cut_off():
    flow, addon = begun(body=chat("gpt-4o"))
    play(flow, [ANSWER.body[: len(ANSWER.body) // 2]])
    addon.ended(flow, 1.0)
    told = flow.metadata[USAGE]
    assert told["source"] == "estimated" and told["output"] > 0 and told["input"] > 0
    assert told["cost"] == prices.cost("openai", ["gpt-4o"], told) and told["cost"] > 0


def test_what_is_counted_once_is_not_counted_again():
    flow, addon = begun()
    play(flow, [ANSWER.body, b""])
    addon.ended(flow, 1.0)
    del flow.metadata[USAGE]
    addon.ended(flow, 1.0)
    assert USAGE not in flow.metadata


@pytest.mark.parametrize(
    "fields", [{"status": 400}, {"status": 302}, {"method": "GET"}, {"headers": {"content-type": "audio/mpeg"}}]
)
def test_what_spends_nothing_that_is_known(fields):
    flow, addon = begun(**fields)
    play(flow, [ANSWER.body, b""])
    addon.ended(flow, 1.0)
    assert USAGE not in flow.metadata


def test_a_flow_without_a_permit_and_one_that_is_held():
    flow = tflow.tflow(resp=True)
    addon = Counter()
    addon.responseheaders(flow)
    addon.ended(flow, 1.0)
    flow, addon = begun()
    flow.response.stream = False
    addon.responseheaders(flow)
    assert USAGE not in flow.metadata


def test_a_first_life_is_forgotten():
    flow, addon = begun()
    flow.metadata[USAGE] = {"input": 5}
    play(flow, [b""])
    addon.ended(flow, 1.0)
    assert USAGE not in flow.metadata


@pytest.mark.parametrize("broken", ["begin", "end"])
def test_failures_stay_inside(monkeypatch, broken):
    def fail(*_, **__):
        raise RuntimeError("planted")

    if broken == "begin":
        monkeypatch.setattr(counting, "TokenMeter", fail)
    flow, addon = begun()
    assert play(flow, [ANSWER.body, b""]) == ANSWER.body
    if broken == "end":
        monkeypatch.setattr(counting, "account", fail)
    endings = Endings(addon.ended, books=lambda *_: None)
    endings.response(flow)
    assert USAGE not in flow.metadata and counting.heard(flow) is None


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("anthropic-stream-cached", "/anthropic/v1/messages"),
        ("gemini-array-cached", "/gemini/v1beta/models/gemini-2.5-flash:streamGenerateContent"),
        ("openai-embeddings", "/openai/v1/embeddings"),
        ("openai-responses-stream", "/openai/v1/responses"),
        ("groq-chat-stream", "/groq/openai/v1/chat/completions"),
    ],
)
def test_each_provider_in_its_own_way(name, path):
    answer = NAMED[name]
    flow, addon = begun(path, headers=answer.headers)
    play(flow, [answer.body, b""])
    addon.ended(flow, 1.0)
    assert {n: flow.metadata[USAGE][n] for n in answer.expect} == answer.expect


def test_the_step_that_answered():
    """Two steps in one request to the gateway: the second, of another provider, answered."""
    flow, _ = begun()
    first = permits.of(flow.request)
    answer = NAMED["anthropic-stream"]
    other = decide(world(), arrival("/anthropic/v1/messages", bearer(), JSON), chat())
    steps = [universal.Step(p.provider, p.provider, "x", (), p.keys, p.key_header, p.key_template, b"{}",
                            counting=p.counting) for p in (first, other)]  # fmt: skip
    sealed = universal.in_turn(universal.of_steps(first, tuple(steps)), lambda _, keys: keys)
    assert [slot.step.provider for slot in sealed.slots] == ["openai", "anthropic"]
    for header, expected in (("1", "anthropic"), ("0", "openai"), ("", "openai"), ("9", "openai"), ("²", "openai")):
        assert sealed.answered(header).counting.shape == expected
    assert first.answered("1") is None
    flow, addon = tflow.tflow(), Counter()
    flow.request.method = "POST"
    permits.attach(flow.request, sealed)
    flow.response = http.Response.make(200, b"", answer.headers | {"cf-aig-step": "1"})
    flow.response.stream = lambda data: [data]
    addon.responseheaders(flow)
    play(flow, [answer.body, b""])
    addon.ended(flow, 1.0)
    assert {n: flow.metadata[USAGE][n] for n in answer.expect} == answer.expect


def test_a_cost_that_the_provider_states_is_believed(monkeypatch):
    monkeypatch.setattr(prices, "cost", lambda *_: 99.0)
    answer = NAMED["openrouter-chat-stream-cached"]
    flow = tflow.tflow(resp=True)
    flow.response.headers = http.Headers([(name.encode(), value.encode()) for name, value in answer.headers.items()])
    tap = Tap(lambda data: data, Counting("openrouter", "openrouter", ("x",)), None, flow)
    assert tap(answer.body) == answer.body
    assert counting.counted(tap)["cost"] == 0.00014 and counted(tap.meter().count().usage) == answer.expect


def test_a_websocket():
    flow, addon = tflow.twebsocketflow(), Counter()
    permits.attach(flow.request, decide(world(), arrival("/openai/v1/responses", bearer(), JSON), chat()))
    addon.websocket_start(flow)
    for from_client, given in ((True, 999), (False, 5), (False, 6)):
        text = json.dumps({"response": {"usage": {"input_tokens": given, "output_tokens": 1}}})
        flow.websocket.messages.append(websocket.WebSocketMessage(Opcode.TEXT, from_client, text.encode()))
        addon.websocket_message(flow)
    addon.ended(flow, 1.0)
    told = flow.metadata[USAGE]
    assert (told["input"], told["output"], told["source"], told["cost"]) == (11, 2, "stated", None)


def test_a_websocket_that_states_nothing_or_breaks_the_meter(monkeypatch):
    flow, addon = tflow.twebsocketflow(), Counter()
    addon.websocket_start(flow)  # without a permit
    addon.websocket_message(flow)
    permits.attach(flow.request, decide(world(), arrival("/openai/v1/responses", bearer(), JSON), chat()))
    addon.websocket_start(flow)
    monkeypatch.setattr(counting.SessionMeter, "feed", lambda *_: 1 / 0)
    addon.websocket_message(flow)
    addon.ended(flow, 1.0)
    assert USAGE not in flow.metadata


def test_small_pieces_are_read_together_and_few_are_kept(monkeypatch):
    read = []
    monkeypatch.setattr(counting.TokenMeter, "feed", lambda _, data: read.append(len(data)))
    flow, addon = begun()
    play(flow, [b"a" * SMALL] * (TOGETHER + 1))
    assert read == [TOGETHER * SMALL]
    play(flow, [b"b" * (SMALL + 1)])
    assert read == [TOGETHER * SMALL, 2 * SMALL + 1]
    play(flow, [b"c"])
    addon.ended(flow, 1.0)
    assert read[-1] == 1


def test_a_short_answer_is_not_looked_at_before_its_end(monkeypatch):
    monkeypatch.setattr(counting, "TokenMeter", lambda *_: 1 / 0)
    flow, _ = begun()
    assert play(flow, [b"a", b"b", b""]) == b"ab"

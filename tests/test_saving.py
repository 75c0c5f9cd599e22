"""Requests that went through the gate, saved as cases: same decision, no secret, no prompt, no file."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from mitmvault.addons import arrivals, saving
from mitmvault.core.records import case
from mitmvault.core.records.case import CaseError
from mitmvault.home import case_files
from mitmvault.local.pages import PAGES
from tests.test_gate import BEARER, KEYS, flow_of, gate, passed
from tests.worlds import AIG_TOKEN, TOKENS, chat, through_gateway, world

PROMPT = "the-secret-plan"
GROQ = "/groq/v1/chat/completions"
FORM = (b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + PROMPT.encode() * 50
        + b'\r\n--B\r\nContent-Disposition: form-data; name="model"\r\n\r\ncheap\r\n--B--\r\n')  # fmt: skip
DAVE = ("Authorization", f"Bearer {TOKENS['dave']}")  # may use cheap and small-*
UPGRADE = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"))


def talk(model="cheap", **more) -> bytes:
    messages = [{"role": "user", "content": PROMPT}]
    return json.dumps({"model": model, "messages": messages, "user": PROMPT} | more).encode()


SEEN = {
    "direct": (world, flow_of(GROQ, BEARER, ("X-Other", PROMPT), ("Cookie", f"a={PROMPT}"), body=talk())),
    "gateway": (through_gateway, flow_of(f"{GROQ}?key={TOKENS['alice']}&q={PROMPT}", body=talk())),
    "by its model": (world, flow_of("/v1/chat/completions", BEARER, body=talk("groq/cheap"))),
    "by a field": (world, flow_of("/v1/chat/completions", BEARER, body=talk(provider="groq"))),
    "by a header": (world, flow_of("/v1/models/x", BEARER, ("X-Host-Final", "api.openai.com"), method="GET", body=b"")),
    "zipped": (through_gateway, flow_of(GROQ, BEARER, ("Content-Encoding", "gzip"), body=gzip.compress(talk()))),
    "detour": (world, flow_of(f"/key/1{GROQ}", BEARER, body=talk())),
    "other gateway": (through_gateway, flow_of(f"/g/other{GROQ}", BEARER, body=talk())),
    "chat at the root": (world, flow_of("/", BEARER, body=talk("openai/m"))),
    "steps": (world, flow_of("/", BEARER, body=json.dumps(
        [{"provider": p, "endpoint": "chat/completions?a=" + PROMPT, "headers": {"x": PROMPT},
          "query": json.loads(talk())} for p in ("groq", "openai")]).encode())),
    "steps at the gateway": (through_gateway, flow_of("/", BEARER, body=json.dumps(
        [{"provider": p, "query": json.loads(talk())} for p in ("groq", "openai")]).encode())),
    "form": (through_gateway, flow_of("/groq/v1/audio/transcriptions", DAVE, body=FORM)),
    "websocket": (world, flow_of(f"/openai/v1/realtime?model=cheap&user={PROMPT}", DAVE, *UPGRADE, method="GET", body=b"")),
    "refused model": (world, flow_of(GROQ, DAVE, body=talk("big"))),
    "refused at its head": (world, flow_of("/openai/v1/files",
                            ("Authorization", f"Bearer {TOKENS['carol']}"), body=talk())),
    "nobody": (world, flow_of(GROQ, body=talk())),
    "stranger": (world, flow_of(GROQ, ("Authorization", f"Bearer {PROMPT}"), body=talk())),
    "broken": (world, flow_of(GROQ, DAVE, body=b'{"model": "' + PROMPT.encode())),
    "twice": (world, flow_of("/nobody/v1/x", BEARER, body=talk())),
    "web page": (world, flow_of(GROQ, BEARER, ("Origin", "https://elsewhere.example"), body=talk())),
}  # fmt: skip
USER = {"nobody": None, "stranger": case.STRANGER, "refused at its head": "carol"} | dict.fromkeys(
    ("form", "websocket", "refused model", "broken"), "dave"
)


@pytest.mark.parametrize("name", SEEN)
def test_the_same_decision_and_nothing_else(name: str) -> None:
    make, template = SEEN[name]
    made, flow = make(), template.copy()
    flow.client_conn.sockname = ("127.0.0.1", 8080)
    if name == "form":
        flow.request.headers["content-type"] = "multipart/form-data; boundary=B"
    if name == "gateway":
        flow.request.headers["x-api-key"] = TOKENS["alice"]
    passed(gate(made), flow)
    found = saving.case_of(flow)
    text = case.write(found)
    for secret in (PROMPT, AIG_TOKEN, *TOKENS.values(), *KEYS):
        assert secret not in text, text
    assert found.request.user == USER.get(name, "alice")
    told = case.decision(case.judge(made, case.read(text).request, PAGES))
    assert case.changed(found.expect, told) == [] and len(found.expect) >= (1 if "refused" in found.expect else 3)
    assert ("refused" in found.expect) == (flow.response is not None)


def test_what_is_expected_was_decided_first() -> None:
    flow = passed(gate(through_gateway()), flow_of(GROQ, BEARER, body=talk()))
    found = saving.case_of(flow)
    assert found.expect["model"] == "groq/cheap" and found.request.body["model"] == "cheap"
    assert found.request.body["messages"] == [{"role": "user", "content": "…"}]
    assert found.request.url == f"http://127.0.0.1:8080{GROQ}"


def test_what_cannot_be_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    def problem(flow: http.HTTPFlow) -> str:
        with pytest.raises(CaseError) as caught:
            saving.case_of(flow)
        assert PROMPT not in str(caught.value)
        return str(caught.value)

    assert "since its start" in problem(tflow.tflow())
    own = passed(gate(), flow_of("/health", method="GET", body=b""))
    assert "nothing was decided" in problem(own)
    twice = passed(gate(), flow_of(GROQ, DAVE, body=b'{"model": "cheap", "model": "big"}'))
    assert "cannot be saved" in problem(twice)
    limited = world(configured="rate_limit: 1/h")
    addon = gate(limited)
    passed(addon, flow_of(GROQ, BEARER, body=talk()))
    again = passed(addon, flow_of(GROQ, BEARER, body=talk()))
    assert again.response.status_code == 429 and "cannot be saved" in problem(again)
    monkeypatch.setattr(arrivals, "KEPT_BODY", 10)
    assert "too large" in problem(passed(gate(through_gateway()), flow_of(GROQ, BEARER, body=talk())))
    assert saving.case_of(passed(gate(), flow_of(GROQ, BEARER, body=talk()))).expect["model"] == "cheap"


def test_the_original_body_is_kept_by_reference_and_only_where_another_one_leaves() -> None:
    flow = flow_of(GROQ, BEARER, body=talk())
    body = flow.request.raw_content
    came = arrivals.came_of(passed(gate(through_gateway()), flow).request)
    assert came and came.body is body
    came = arrivals.came_of(passed(gate(), flow_of(GROQ, BEARER, body=talk())).request)
    assert came and came.body is None


def test_files(tmp_path: Path) -> None:
    flow = passed(gate(), flow_of(GROQ, BEARER, body=chat("llama/../3.3")))
    path = saving.save(flow, tmp_path)
    assert path == tmp_path / f"alice-groq-llama-..-3.3-{flow.id[:8]}.yaml"
    assert case_files.load(path).expect["provider"] == "groq"
    assert saving.save(flow, tmp_path / "x.json").read_text().startswith("{")
    with pytest.raises(FileExistsError):
        saving.save(flow, path)

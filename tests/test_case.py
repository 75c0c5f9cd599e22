"""Cases of a policy's tests: read strictly, judged like the proxy would, compared in what they name."""

from __future__ import annotations

from typing import Any

import pytest

from mitmvault.core.records import case
from mitmvault.core.records.case import Case, CaseError, Request
from mitmvault.local.pages import PAGES
from tests.worlds import through_gateway, world

OWN = "http://127.0.0.1:8080"
CHAT = f"{OWN}/groq/v1/chat/completions"
TEXT = """
about: the cheap model is Groq's
request:
  user: alice
  method: POST
  url: http://127.0.0.1:8080/groq/v1/chat/completions
  headers: {x-other: "1"}
  body: {model: cheap}
expect:
  provider: groq
  url: https://api.groq.com/openai/v1/chat/completions
"""


def decided(request: Request, **fields: Any) -> dict[str, Any]:
    return case.decision(case.judge(world(**fields), request, PAGES))


def test_read() -> None:
    found = case.read(TEXT)
    assert found.request == Request(CHAT, "POST", "alice", headers=(("x-other", "1"),), body={"model": "cheap"})
    assert (found.about, found.expect["provider"]) == ("the cheap model is Groq's", "groq")
    assert case.changed(found.expect, decided(found.request)) == []


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    "made",
    [
        Case(Request(OWN), {"page": "/"}),
        Case(
            Request(CHAT, "POST", "alice", "listener", (("A", "ü: 1"),), {"model": "on", "n": None}), {"keys": ["#1"]}
        ),
        Case(Request(CHAT, "POST", form=(("model", "whisper"),)), {"model": "yes", "refused": "x"}, "a form"),
        Case(Request(CHAT, "POST", case.STRANGER, body="{"), {"refused": "bad_json"}),
        Case(Request(CHAT, "POST", "alice", body=[]), {"refused": "bad_json"}),
    ],
)
def test_what_is_written_is_read(made: Case, as_json: bool) -> None:
    assert case.read(case.write(made, as_json)) == made


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        (Request(CHAT, "POST", "alice", body={"model": "m"}),
         {"provider": "groq", "mode": "direct", "url": "https://api.groq.com/openai/v1/chat/completions", "model": "m",
          "rule": "path prefix /groq/", "keys": ["#1 …0001", "#3 …0003"]}),
        (Request(CHAT, "POST", body={"model": "m"}), {"refused": "missing_token"}),
        (Request(CHAT, "POST", "mallory", body={"model": "m"}), {"refused": "unknown_token"}),
        (Request(CHAT, "POST", "erin", body={"model": "m"}), {"refused": "unknown_token"}),
        (Request(CHAT, "POST", "dave", body={"model": "big"}), {"refused": "model_not_allowed"}),
        (Request(f"{OWN}/openai/v1/files", "GET", "carol"), {"refused": "provider_not_allowed"}),
        (Request(f"{OWN}/groq/v1/chat/completions", "POST", "dave", body="{"), {"refused": "bad_json"}),
        (Request(f"{OWN}/health"), {"page": "/health"}),
        (Request("https://example.org/"), {"tunnel": "unread"}),
        (Request("http://example.org/"), {"refused": "destination_refused"}),
    ],
)  # fmt: skip
def test_judged(request_: Request, found: dict[str, Any]) -> None:
    assert decided(request_) == found


def test_a_form_names_its_model() -> None:
    asked = Request(f"{OWN}/groq/v1/audio/transcriptions", "POST", "dave", form=(("model", "cheap"), ("x", "1")))
    assert decided(asked)["model"] == "cheap"
    bad = Request(f"{OWN}/groq/v1/audio/transcriptions", "POST", "dave", form=(("model", "big"),))
    assert decided(bad) == {"refused": "model_not_allowed"}


def test_a_tunnel_has_its_user() -> None:
    asked = Request("https://api.openai.com/v1/models", "GET", "alice")
    assert decided(asked)["rule"] == "intercepted host api.openai.com"
    assert decided(Request("https://api.openai.com/v1/models", "GET", "alice", "transparent"))["provider"] == "openai"


def test_further_steps_and_the_gateways_model() -> None:
    steps = [{"provider": name, "query": {"model": "m"}} for name in ("groq", "openai")]
    assert decided(Request(OWN, "POST", "alice", body=steps))["then"] == ["openai"]
    asked = Request(CHAT, "POST", "alice", body={"model": "m"})
    found = case.decision(case.judge(through_gateway(), asked))
    assert (found["mode"], found["model"]) == ("compat", "groq/m")


@pytest.mark.parametrize(
    ("expect", "changed"),
    [
        ({"provider": "groq"}, []),
        ({"provider": "groq", "refused": "missing_token"}, ["refused"]),
        ({"provider": "openai", "model": "m", "rule": "x"}, ["provider", "rule"]),
    ],
)
def test_compared(expect: dict[str, Any], changed: list[str]) -> None:
    assert case.changed(expect, {"provider": "groq", "model": "m"}) == changed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be an object|is missing"),
        ("[]", "must be an object"),
        ("a: [", "not valid YAML"),
        ("a: 1\na: 2", "twice"),
        ("extra: 1\nrequest: {url: x}\nexpect: {page: /}", "allowed: about, request, expect"),
        ("request: {url: x, token: y}\nexpect: {page: /}", "request: has an unknown field; allowed: user"),
        ("request: {url: x}\nexpect: {mood: good}", "expect: has an unknown field; allowed: provider"),
        ("request: {url: x}\nexpect: {}", "expect: names nothing"),
        ("request: {url: x}", "expect: is missing"),
        ("request: {}\nexpect: {page: /}", "request.url: is missing"),
        ("request: {url: x, method: 'G ET'}\nexpect: {page: /}", "request.method: "),
        ("request: {url: x, way: air}\nexpect: {page: /}", "request.way: must be one of listener"),
        ("request: {url: x, body: 1}\nexpect: {page: /}", "request.body: "),
        ("request: {url: x, body: a, form: {model: b}}\nexpect: {page: /}", "a body or a form"),
        ("request: {url: x, headers: {'a b': c}}\nexpect: {page: /}", "request.headers"),
        ("request: {url: x, headers: {a: 1}}\nexpect: {page: /}", "request.headers.a: must be a string"),
        ("request: {url: x}\nexpect: {model: 1}", "expect.model: must be a string"),
    ],
)
def test_what_is_no_case(text: str, message: str) -> None:
    with pytest.raises(CaseError, match=message):
        case.read(text)


def test_what_is_no_url() -> None:
    with pytest.raises(CaseError, match=r"request\.url: "):
        decided(Request("ftp://x/"))

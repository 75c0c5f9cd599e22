"""All models under one roof: what is asked of whom, and what is said about those that fail."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest

from mitmvault.core.pages.page import find
from mitmvault.core.refusal import Answer, Refusal
from mitmvault.local.pages import PAGES, answer
from tests.worlds import PROVIDERS, arrival, bearer, world

GROQ = PROVIDERS["groq"] | {"models": [{"id": "cheap", "contextWindow": 9}, {"id": "groq/odd"}]}
SOME = {name: PROVIDERS[name] for name in ("openai", "gemini", "mistral", "mine")} | {"groq": GROQ}
LISTS = {
    "/openai/models": {"data": [{"id": "gpt-4"}, {"id": "small-1"}]},
    "/gemini/models?pageSize=1000": {"models": [{"name": "models/gemini-2"}]},
    "/mine/models": {"data": []},
}


class Fakes:
    """Answers for us when we ask ourselves."""

    def __init__(self, **more: Any) -> None:
        self.asked: list[tuple[str, Any, float]] = []
        self.more = {f"/{name}/models": reply for name, reply in more.items()}

    async def ask(self, target: str, headers: Any, seconds: float) -> Answer:
        self.asked.append((target, headers, seconds))
        reply = self.more.get(target, LISTS.get(target))
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, Answer) else Answer(200, (), json.dumps(reply).encode())


def page(target: str = "/v1/models", user: str = "alice", fakes: Fakes | None = None, made: Any = None) -> Answer:
    found = find(PAGES, made or world(SOME), arrival(target, bearer(user), method="GET"), 0)
    assert found
    reply = asyncio.run(answer(found, b"", (fakes or Fakes()).ask))
    assert reply
    return reply


def get(*args: Any, **more: Any) -> Any:
    return json.loads(page(*args, **more).body)


@pytest.mark.parametrize("target", ["/v1/models", "/models", "/v1/models/", "/v1/models?x=1"])
def test_from_the_vault_and_from_those_for_which_it_names_none(target: str) -> None:
    fakes = Fakes()
    said = get(target, fakes=fakes)
    assert set(said) == {"object", "data"} and said["object"] == "list"
    assert [model["id"] for model in said["data"]] == [
        "openai/gpt-4", "openai/small-1", "gemini/gemini-2", "groq/cheap", "groq/groq/odd"]  # fmt: skip
    assert said["data"][3]["context_window"] == 9
    assert sorted(fakes.asked) == [(target, (), 5) for target in sorted(LISTS)]


@pytest.mark.parametrize(
    ("user", "ids", "asked"),
    [
        ("carol", ["gemini/gemini-2", "groq/cheap", "groq/groq/odd"], ["/gemini/models?pageSize=1000"]),
        ("dave", ["openai/small-1", "groq/cheap"], sorted(LISTS)),
    ],
)
def test_a_limited_user(user: str, ids: list[str], asked: list[str]) -> None:
    fakes = Fakes()
    assert [model["id"] for model in get(user=user, fakes=fakes)["data"]] == ids
    assert sorted(target for target, _, _ in fakes.asked) == asked


FAILURES = [
    (TimeoutError(), "timeout"),
    (ConnectionRefusedError("no"), "unreadable"),
    (Answer(401, (), b'{"error": "your key sk-secret is wrong"}'), "upstream_status"),
    (Answer(503, (("x-mitmvault-reason", "no_usable_key"),), b"{}"), "no_usable_key"),
    (Answer(200, (), b"<html>"), "unreadable"),
    (Answer(200, (("content-encoding", "br"),), b"{}"), "unreadable"),
    (Answer(200, (("content-encoding", "gzip"),), gzip.compress(b" " * (9 << 20))), "unreadable"),
]


@pytest.mark.parametrize(("failure", "code"), FAILURES)
def test_who_fails_is_named_and_hides_nobody(failure: Any, code: str) -> None:
    fakes = Fakes(openai=failure)
    reply = page(fakes=fakes)
    said = json.loads(reply.body)
    assert reply.status == 200
    assert [model["id"] for model in said["data"]] == ["gemini/gemini-2", "groq/cheap", "groq/groq/odd"]
    (error,) = said["errors"]
    assert (error["provider"], error["code"]) == ("openai", code) and error["message"]
    assert "secret" not in error["message"]
    assert dict(reply.headers)["x-mitmvault-incomplete"] == "openai"


def test_an_encoded_list_is_read() -> None:
    zipped = Answer(200, (("content-encoding", "gzip"),), gzip.compress(b'{"data": [{"id": "z"}]}'))
    assert get(fakes=Fakes(openai=zipped))["data"][0]["id"] == "openai/z"


def test_a_provider_without_a_list_is_not_asked() -> None:
    fakes = Fakes()
    assert get(fakes=fakes, made=world({"replicate": {"keys": [{"key": "made-up-0001"}]}}))["data"] == []
    assert fakes.asked == []


def test_the_time_limit_and_headers_are_configured() -> None:
    fakes = Fakes()
    made = world({"anthropic": PROVIDERS["anthropic"]}, configured="models_timeout: 7")
    get(fakes=fakes, made=made)
    assert fakes.asked == [("/anthropic/models?limit=1000", (("anthropic-version", "2023-06-01"),), 7)]


@pytest.mark.parametrize(
    ("wanted", "found", "asked"),
    [
        ("openai/gpt-4", "openai/gpt-4", ["/openai/models"]),
        ("gpt-4", "openai/gpt-4", ["/openai/models"]),
        ("groq%2Fcheap", "groq/cheap", []),
        ("groq/groq/odd", "groq/groq/odd", []),
        ("cheap", "groq/cheap", []),
    ],
)
@pytest.mark.parametrize("base", ["/v1/models/", "/models/"])
def test_one(base: str, wanted: str, found: str, asked: list[str]) -> None:
    fakes = Fakes()
    assert get(base + wanted, fakes=fakes)["id"] == found
    assert [target for target, _, _ in fakes.asked] == asked


@pytest.mark.parametrize(
    ("wanted", "user", "reason", "fakes"),
    [
        ("openai/none", "alice", "not_found", Fakes()),
        ("groq/none", "alice", "not_found", Fakes()),
        ("nobody-has-this", "alice", "not_found", Fakes()),
        ("openai/gpt-4", "dave", "not_found", Fakes()),
        ("openai/gpt-4", "carol", "provider_not_allowed", Fakes()),
        ("openai/gpt-4", "alice", "upstream_failed", Fakes(openai=TimeoutError())),
    ],
)
def test_one_that_is_not_there(wanted: str, user: str, reason: str, fakes: Fakes) -> None:
    with pytest.raises(Refusal) as caught:
        get(f"/v1/models/{wanted}", user, fakes)
    assert caught.value.reason == reason

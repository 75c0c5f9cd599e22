"""Which page a request asks for: the method first, then the token, and what is not ours at all."""

from __future__ import annotations

from typing import Any

import pytest

from mitmvault.core.pages.page import MODEL, READ, Asked, Page, find
from mitmvault.core.refusal import Refusal, answer, json_answer
from tests.worlds import PROVIDERS, USERS, arrival, bearer, intercepted, world

TABLE = (
    Page(READ, "/open", lambda asked: json_answer(1), token=False),
    Page(READ, "/two", lambda asked: json_answer(2)),
    Page("POST", "/two", lambda asked: json_answer(3), body=True),
    Page(READ, "/v1/models/{model}", lambda asked: json_answer(4)),
    Page(READ, "/{provider}/v1/models", lambda asked: json_answer(5)),
    Page("POST", "/v1/messages", None),
    Page("POST", "/v1/chat/completions", None),
    Page(READ, "/all", lambda asked: json_answer(6), admin=True),
    Page(READ, "/all/open", lambda asked: json_answer(7), token=False, admin=True),
)


def found(came: Any, **more: Any) -> Any:
    return find(TABLE, world(**more), came, 12.5)


@pytest.mark.parametrize(
    ("method", "target", "row", "parameters"),
    [
        ("GET", "/open", 0, {}),
        ("HEAD", "/open?a=1", 0, {}),
        ("GET", "/two", 1, {}),
        ("POST", "/two", 2, {}),
        ("GET", "/v1/models/a", 3, {"model": "a"}),
        ("GET", "/v1/models/a%2Fb/c", 3, {"model": "a/b/c"}),
        ("GET", "/v1/models/", 3, {"model": ""}),
        ("GET", "/groq/v1/models", 4, {"provider": "groq"}),
        ("GET", "/nobody/v1/models", 4, {"provider": "nobody"}),
    ],
)
def test_found(method: str, target: str, row: int, parameters: dict[str, str]) -> None:
    got = found(arrival(target, bearer(), method=method))
    assert got.page is TABLE[row]
    assert (got.asked.parameters, got.asked.now) == (parameters, 12.5)
    assert (got.asked.user is None) is (row == 0)


@pytest.mark.parametrize(
    "came",
    [
        arrival("/three", method="GET"),
        arrival("/open/", method="GET"),
        arrival("", method="GET"),
        arrival("/v1/models", method="GET"),
        arrival("/two", ("X-Host-Final", "api.groq.com"), method="GET"),
        arrival("/groq/v1/models", method="DELETE"),  # the provider's
        arrival("/v1/messages"),  # forwarded
        arrival("/v1/models/gemini-2:generateContent", bearer()),  # forwarded, the path names the model
        intercepted("api.groq.com", "/two", method="GET"),
        intercepted("api.anthropic.com", "/v1/messages", method="GET"),
    ],
)
def test_somebody_elses(came: Any) -> None:
    assert found(came) is None


@pytest.mark.parametrize(
    ("method", "target", "allowed", "kind"),
    [
        ("POST", "/open", "GET, HEAD", "invalid_request_error"),
        ("get", "/open", "GET, HEAD", "invalid_request_error"),
        ("DELETE", "/two", "GET, HEAD, POST", "invalid_request_error"),
        ("OPTIONS", "/two", "GET, HEAD, POST", "invalid_request_error"),
        ("POST", "/v1/models/a", "GET, HEAD", "invalid_request_error"),
        ("GET", "/v1/chat/completions", "POST", "invalid_request_error"),
        ("PUT", "/v1/messages", "POST", "invalid_request_error"),
    ],
)
def test_a_wrong_method_is_said_before_the_token_is_asked_for(
    method: str, target: str, allowed: str, kind: str
) -> None:
    """001 does so too. 003 answers `GET /v1/chat/completions` with 404; we say 405."""
    with pytest.raises(Refusal) as caught:
        found(arrival(target, method=method))
    made = answer(caught.value.speaking(caught.value.dialect))
    assert (made.status, dict(made.headers)["allow"]) == (405, allowed)
    assert (caught.value.reason, caught.value.dialect) == (
        "method_not_allowed", "anthropic" if "messages" in target else "openai")  # fmt: skip
    assert kind.encode() in made.body


@pytest.mark.parametrize(
    ("came", "reason"),
    [
        (arrival("/two", method="GET"), "missing_token"),
        (arrival("/two", bearer("erin"), method="GET"), "unknown_token"),
        (arrival("/two", bearer(), host="evil.example", method="GET"), "destination_refused"),
        (arrival("/open", host="evil.example", method="GET"), "destination_refused"),
        (arrival("/open", ("Origin", "https://evil.example"), method="GET"), "origin_refused"),
        (arrival("/v1/models/../open", bearer(), method="GET"), "bad_path"),
        (arrival("/open", ("X-A", "a\rb"), method="GET"), "bad_request"),
    ],
)
def test_refused(came: Any, reason: str) -> None:
    with pytest.raises(Refusal) as caught:
        found(came)
    assert caught.value.reason == reason


@pytest.mark.parametrize("path", ["/all", "/all/open"])
@pytest.mark.parametrize(
    ("admin", "headers", "reason"),
    [
        (True, (bearer(),), None),
        (False, (bearer(),), "admin_only"),
        (None, (bearer(),), "admin_only"),
        (True, (bearer("bob"),), "admin_only"),
        (True, (), "missing_token"),
        (True, (("Authorization", "Bearer nobodys-token"),), "unknown_token"),
    ],
)
def test_pages_for_admins(path: str, admin: bool | None, headers: Any, reason: str | None) -> None:
    people = {"alice": {**USERS["alice"], **({} if admin is None else {"admin": admin})}, "bob": USERS["bob"]}
    try:
        got = found(arrival(path, *headers, method="GET"), people=people)
    except Refusal as refusal:
        assert refusal.reason == reason
    else:
        assert reason is None and got.asked.who.name == "alice"


def test_a_provider_of_the_vault_may_be_called_like_our_first_segment() -> None:
    named = {"v1": PROVIDERS["mine"]}
    assert found(arrival("/v1/models/a", bearer(), method="GET"), providers=named) is None
    assert found(arrival("/v1/v1/models", bearer(), method="GET"), providers=named).page is TABLE[4]


def test_query() -> None:
    asked = Asked(world(), arrival("/x?model=a%2Fb+c&n&model2=z&two=1&t%77o=2"))
    assert (asked.query("model"), asked.query("n"), asked.query("none")) == ("a/b c", "", "")
    with pytest.raises(Refusal):
        asked.query("two")


def test_the_name_of_the_rest_stands_last() -> None:
    assert all(page.path.endswith(MODEL) for page in TABLE if MODEL in page.path)

"""What the messages of a WebSocket may say, for a user who is limited to some models."""

from __future__ import annotations

import pytest

from mitmvault.core.decide import decide
from mitmvault.core.message.frames import Frames
from mitmvault.core.refusal import Refusal
from mitmvault.core.verdict import Permit
from tests.worlds import arrival, bearer, world

UPGRADE = (("Connection", "Upgrade"), ("Upgrade", "websocket"))


def frames(target: str = "/openai/v1/responses", user: str = "dave") -> Frames | None:
    found = decide(world(), arrival(target, bearer(user), *UPGRADE, method="GET"))
    assert isinstance(found, Permit), found
    return found.frames


def refused(content: str | bytes, first: bool = True, target: str = "/openai/v1/responses") -> str:
    rule = frames(target)
    assert rule
    try:
        rule.check(content.encode() if isinstance(content, str) else content, isinstance(content, str), first)
    except Refusal as refusal:
        return refusal.reason
    return ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"type":"response.create","model":"cheap"}', ""),
        ('{"type":"response.create","response":{"model":"small-1"}}', ""),
        ('{"type":"response.create","model":"dear"}', "model_not_allowed"),
        ('{"type":"response.create","model":"cheap","response":{"model":"dear"}}', "model_not_allowed"),
        ('{"type":"response.create","Model":"dear"}', "model_not_allowed"),
        ('{"model":"cheap","model":"dear"}', "bad_json"),
        ('{"model":"cheap","MODEL":"dear"}', "bad_json"),
        ('{"model":["cheap"]}', "model_not_allowed"),
        ('{"type":"ping"}', "model_not_allowed"),
        ("[]", "model_not_allowed"),
        ("hello", "bad_json"),
        (b"\x00\x01", "model_not_allowed"),
        (b'{"model":"cheap"}', ""),
    ],
)
def test_the_first_message_must_name_an_allowed_model(content: str | bytes, reason: str) -> None:
    assert refused(content) == reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"type":"ping"}', ""),
        (b"\x00\x01", ""),
        ('{"session":{"model":"dear"}}', "model_not_allowed"),
        (b'{"session":{"model":"dear"}}', "model_not_allowed"),
        ('{"session":{"model":"cheap"}}', ""),
        ("hello", "bad_json"),
    ],
)
@pytest.mark.parametrize("target", ["/openai/v1/responses", "/openai/v1/realtime?model=cheap"])
def test_later_messages_may_not_change_it(content: str | bytes, reason: str, target: str) -> None:
    assert refused(content, False, target) == reason


def test_gemini_live() -> None:
    target = "/gemini//ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    assert refused('{"setup":{"model":"models/cheap"}}', target=target) == ""
    assert refused('{"setup":{"model":"models/dear"}}', target=target) == "model_not_allowed"


def test_who_is_not_limited_is_not_looked_at() -> None:
    assert frames(user="alice") is None


@pytest.mark.parametrize(
    "target",
    ["/openai/v1/realtime?model=dear", "/openai/v1/realtime", "/openai/v1/responses?model=dear", "/groq/v1/responses"],
)
def test_a_handshake_is_refused_where_it_says_enough(target: str) -> None:
    found = decide(world(), arrival(target, bearer("dave"), *UPGRADE, method="GET"))
    assert isinstance(found, Refusal) and found.reason == "model_not_allowed"

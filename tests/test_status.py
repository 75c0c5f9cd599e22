"""Health: for anybody that we are there, for users who has keys."""

from __future__ import annotations

import pytest

from mitmvault import __version__
from mitmvault.core.refusal import Refusal
from tests.pages import get, page
from tests.worlds import PROVIDERS, arrival, bearer, world

PLAIN = {"status": "ok", "service": "mitmvault", "version": __version__}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/", "/health", "/health?x=1"])
def test_for_anybody(method: str, path: str) -> None:
    reply = page(world(), arrival(path, method=method))
    assert reply and reply.status == 200
    headers = dict(reply.headers)
    assert headers["content-type"] == "application/json" and headers["cache-control"] == "no-store"
    assert headers["content-length"] == str(len(reply.body))
    said = get(world(), path)
    assert {name: said[name] for name in PLAIN} == PLAIN
    assert set(said) - set(PLAIN) <= {"hint"}


def test_a_wrong_token_is_told_no_more() -> None:
    wrong = [("Authorization", "Bearer mv-nobody-has-this"), ("Authorization", "Bearer mv-nor-this-one")]
    assert get(world(), "/health", *wrong) == PLAIN
    assert get(world(), "/health", bearer("erin")) == PLAIN


def test_users_see_who_has_keys() -> None:
    said = get(world(), "/health", bearer())
    with_keys = [name for name in PROVIDERS if name != "mistral"]
    assert said == PLAIN | {
        "timestamp": "2026-01-01T00:00:00.250+00:00",
        "providers": dict.fromkeys(with_keys, True) | {"mistral": False},
        "available_providers": with_keys,
    }


def test_a_limited_user_sees_its_own() -> None:
    assert get(world(), "/health", bearer("carol"))["providers"] == {"gemini": True, "groq": True}


def test_ping_is_for_users() -> None:
    reply = page(world(), arrival("/ping", bearer(), method="GET"))
    assert reply and (reply.status, reply.body, dict(reply.headers)["content-length"]) == (200, b"Pong", "4")
    with pytest.raises(Refusal, match="missing_token"):
        page(world(), arrival("/ping", method="GET"))

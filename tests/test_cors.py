"""Which pages may read our answers, and what a browser is told before it asks."""

from __future__ import annotations

import pytest

from mitmvault.core.configuration import settings
from mitmvault.core.message import cors
from mitmvault.core.refusal import Refusal
from tests.worlds import arrival

ORIGIN = ("Origin", "https://Chat.example.com")
PREFLIGHT = (ORIGIN, ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization,x-a"))


@pytest.mark.parametrize(
    ("configured", "headers", "allowed"),
    [
        ("", (ORIGIN,), None),
        ("allow_origins: ['https://chat.example.com']", (ORIGIN,), "https://Chat.example.com"),
        ("allow_origins: ['https://chat.example.com/']", (ORIGIN,), "https://Chat.example.com"),
        ("allow_origins: ['https://chat.example.com']", (("Origin", "https://evil.example"),), None),
        ("allow_origins: ['https://chat.example.com']", (("Origin", "null"),), None),
        ("allow_origins: ['https://chat.example.com']", (), None),
        ("allow_origins: ['*']", (), "*"),
        ("allow_origins: ['*']", (("Origin", "https://evil.example"),), "*"),
    ],
)
def test_headers(configured: str, headers: tuple[tuple[str, str], ...], allowed: str | None) -> None:
    found = dict(cors.headers(settings.load(configured), arrival("/openai/v1/x", *headers)))
    assert found.get("access-control-allow-origin") == allowed
    assert ("vary" in found) is (allowed not in (None, "*"))


def test_preflight() -> None:
    made = settings.load("allow_origins: ['https://chat.example.com']")
    answer = cors.preflight(made, arrival("/openai/v1/x", *PREFLIGHT, method="OPTIONS"))
    assert answer and answer.status == 204
    assert dict(answer.headers)["access-control-allow-headers"] == "authorization,x-a"


@pytest.mark.parametrize("asked", ["authorization\rx-evil: 1", "a\nb", "a\x00b"])
def test_a_malformed_preflight_is_not_said_back(asked: str) -> None:
    came = arrival("/openai/v1/x", *PREFLIGHT[:2], ("Access-Control-Request-Headers", asked), method="OPTIONS")
    with pytest.raises(Refusal):
        cors.preflight(settings.load("allow_origins: ['*']"), came)


@pytest.mark.parametrize(
    ("configured", "method", "headers"),
    [
        ("", "OPTIONS", PREFLIGHT),
        ("allow_origins: ['*']", "POST", PREFLIGHT),
        ("allow_origins: ['*']", "OPTIONS", (ORIGIN,)),
    ],
)
def test_no_preflight(configured: str, method: str, headers: tuple[tuple[str, str], ...]) -> None:
    assert cors.preflight(settings.load(configured), arrival("/openai/v1/x", *headers, method=method)) is None

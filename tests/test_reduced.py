"""What is left of a request: enough to decide, and no more. Whole requests are in test_saving.py."""

from __future__ import annotations

from typing import Any

import pytest

from mitmvault.core.message.arrival import Arrival, Way
from mitmvault.core.records import case, reduced
from mitmvault.core.records.case import CaseError
from tests.worlds import JSON, TOKENS, arrival, bearer, chat, intercepted, world

CHAT = "/groq/v1/chat/completions"
DECIDED = {
    "provider": "groq",
    "mode": "direct",
    "url": "https://api.groq.com/openai/v1/chat/completions?…",
    "model": "m",
}


def saved(came: Arrival, decided: dict[str, Any], body: bytes = b"", **fields: Any) -> case.Request:
    return reduced.saved(world(**fields), came, body, decided).request


@pytest.mark.parametrize(
    ("came", "url", "way"),
    [
        (arrival(CHAT + "?a=1", bearer(), JSON), f"http://127.0.0.1:8080{CHAT}", None),
        (arrival(CHAT, bearer(), JSON, host="::1", authority="[::1]:8080"), f"http://127.0.0.1:8080{CHAT}", None),
        (arrival(CHAT, bearer(), JSON, host="10.1.2.3", port=9, listener=("10.1.2.3", 9)),
         f"http://127.0.0.1:8080{CHAT}", None),
        (arrival(CHAT, bearer(), JSON, host="llm.example", port=443, scheme="https", tls=True),
         f"https://llm.example{CHAT}", None),
        (intercepted("api.groq.com", "/openai/v1/chat/completions", bearer(), JSON),
         "https://api.groq.com/openai/v1/chat/completions", None),
        (intercepted("api.groq.com", "/openai/v1/chat/completions", bearer(), JSON, way=Way.TRANSPARENT),
         "https://api.groq.com/openai/v1/chat/completions", "transparent"),
    ],
)  # fmt: skip
def test_where_to(came: Arrival, url: str, way: str | None) -> None:
    found = saved(came, DECIDED, chat("m"), configured="names: [llm.example]")
    assert (found.url, found.way, found.user) == (url, way, "alice")


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (b'{"model": "m", "x": [1], "messages": [1, 2]}', {"model": "m", "messages": [{"role": "user", "content": "…"}]}),
        (b'{"model": "m", "messages": []}', {"model": "m", "messages": []}),
        (b'{"model": "m", "messages": "x"}', {"model": "m"}),
        (b'{"model": {"deep": "x"}, "stream": true}', {"model": {}}),
        (b"{", "{"),
        (b'[1, {"provider": "groq", "endpoint": "a?b", "query": {"model": "m", "x": 1}, "config": {}}]',
         [None, {"provider": "groq", "endpoint": "a", "query": {"model": "m"}}]),
        (b"plain words", None),
        (b"", None),
    ],
)  # fmt: skip
def test_bodies(body: bytes, left: Any) -> None:
    assert reduced._body(arrival(CHAT, JSON), body)[1] == left


def test_forms() -> None:
    form = ("Content-Type", "multipart/form-data; boundary=b")
    part = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\nx\r\n--b--'
    assert reduced._body(arrival(CHAT, form), part % b"model") == ("form", (("model", "x"),))
    assert reduced._body(arrival(CHAT, form), part % b"file") == ("form", (("other", "…"),))


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ((("X-Host-Final", "api.groq.com"), ("Cookie", "c"), ("X-Session-Id", "s")), {"x-host-final": "api.groq.com"}),
        ((("cf-aig-metadata", "m"), ("User-Agent", "u")), {}),
    ],
)
def test_headers(headers: tuple[tuple[str, str], ...], kept: dict[str, str]) -> None:
    found = saved(arrival(CHAT, bearer(), JSON, *headers), DECIDED, chat("m"))
    assert dict(found.headers) == kept | {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("came", "decided", "body"),
    [
        (arrival(CHAT, bearer(), JSON), DECIDED | {"provider": "openai"}, chat("m")),
        (arrival(CHAT, bearer(), JSON), DECIDED | {"url": "https://api.groq.com/other"}, chat("m")),
        (arrival(CHAT, bearer(), JSON), {"refused": "rate_limited"}, chat("m")),
        (arrival(CHAT, bearer(), JSON, ("Content-Encoding", "gzip")), {"refused": "bad_encoding"}, b"no gzip"),
        (arrival(CHAT + "/\udcff", bearer(), JSON), {}, b""),
    ],
)
def test_what_is_not_proven_is_not_saved(came: Arrival, decided: dict[str, Any], body: bytes) -> None:
    with pytest.raises(CaseError):
        saved(came, decided, body)


def test_credentials_in_an_odd_place() -> None:
    with pytest.raises(CaseError, match="repeats its credentials"):
        saved(arrival(CHAT, bearer(), JSON), DECIDED | {"model": TOKENS["alice"]}, chat(TOKENS["alice"]))

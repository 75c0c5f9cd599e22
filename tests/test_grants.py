"""A permit put into effect on a flow: where it goes, what it shows, and that it may leave."""

from __future__ import annotations

from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from mitmvault.addons.grants import grant
from mitmvault.core.decide import decide
from mitmvault.core.verdict import Permit
from mitmvault.wire import dial, permits
from tests.worlds import JSON, arrival, bearer, chat, through_gateway, world

TARGET = "/groq/v1/chat/completions"


def granted(*headers: tuple[str, str], made: Any = None, http2: bool = False, body: bytes = chat("m")) -> http.HTTPFlow:
    flow = tflow.tflow()
    came = arrival(TARGET, bearer(), JSON, *headers)
    flow.request.headers = http.Headers([(name.encode(), value.encode()) for name, value in came.headers])
    flow.request.data.content = body
    flow.request.http_version = "HTTP/2.0" if http2 else "HTTP/1.1"
    permit = decide(made or world(), came, body)
    assert isinstance(permit, Permit), permit
    grant(flow, came, permit)
    return flow


def test_the_destination_is_the_permits(monkeypatch: pytest.MonkeyPatch) -> None:
    dialled: list[tuple[str, int]] = []
    monkeypatch.setattr(dial, "permit", lambda host, port: dialled.append((host, port)))
    request = granted().request
    assert (request.scheme, request.host, request.port, request.path) == (
        "https", "api.groq.com", 443, "/openai/v1/chat/completions",
    )  # fmt: skip
    assert request.headers.get_all("host") == ["api.groq.com"] and dialled == [("api.groq.com", 443)]
    assert permits.of(request)


def test_observers_see_a_placeholder_and_the_story() -> None:
    flow = granted(("Cookie", "s=1"), ("User-Agent", "x"))
    assert flow.request.headers["authorization"] == "Bearer [groq #1 …0001]"
    assert "cookie" not in flow.request.headers and flow.request.headers["user-agent"] == "x"
    assert flow.comment.startswith("alice → groq")


def test_an_edited_body_and_its_length() -> None:
    request = granted(("Content-Length", "5"), made=through_gateway()).request
    assert request.raw_content == chat("groq/m")
    assert request.headers.get_all("content-length") == [str(len(chat("groq/m")))]


def test_http2_has_an_authority_and_gets_a_length() -> None:
    request = granted(http2=True).request
    assert (request.authority, "host" in request.headers) == ("api.groq.com", False)
    assert request.headers["content-length"] == str(len(chat("m")))


def test_a_chunked_body_stays_chunked() -> None:
    assert "content-length" not in granted(("Transfer-Encoding", "chunked")).request.headers


def test_a_client_that_closes_is_remembered() -> None:
    assert granted(("Connection", "close")).request.headers["connection"] == "close"

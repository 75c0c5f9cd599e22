"""Answers stream; a redirect to another origin does not reach the client."""

from __future__ import annotations

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from mitmvault.addons.answers import Answers
from mitmvault.core.decide import decide
from mitmvault.wire import permits
from tests.worlds import JSON, PROVIDERS, arrival, bearer, chat, world

KEY = PROVIDERS["groq"]["keys"][0]["key"]


def answered(status: int, headers: dict[str, str], path: str = "/groq/v1/x", permit: bool = True):
    flow = tflow.tflow()
    if permit:
        permits.attach(flow.request, decide(world(), arrival(path, bearer(), JSON), chat()))
    flow.response = http.Response.make(status, b"", headers)
    Answers().responseheaders(flow)
    return flow


# The permit leads to https://api.groq.com/openai/v1/x.
@pytest.mark.parametrize(
    ("status", "location", "away"),
    [
        (302, "https://evil.example/", True),
        (301, "https://evil.example/", True),
        (303, "https://evil.example/", True),
        (307, "https://evil.example/", True),
        (308, "https://evil.example/", True),
        (302, "//evil.example/x", True),
        (302, "http://api.groq.com/x", True),
        (302, "https://api.groq.com:8443/x", True),
        (302, "https://api.groq.com.evil.example/", True),
        (302, "https://api.groq.com@evil.example/", True),
        (302, "https://x.api.groq.com/", True),
        (302, "ftp://api.groq.com/", True),
        (302, "javascript:alert(1)", True),
        (302, "http:/evil.example", True),
        (302, "/\t/evil.example", True),
        (302, "/x", False),
        (302, "x?y=https://evil.example", False),
        (302, "../x", False),
        (302, "?x", False),
        (302, "https://api.groq.com/x", False),
        (302, "https://API.GROQ.com:443/x", True),  # the same origin, but not written as we know it
        (302, "//api.groq.com/x", True),
        (200, "https://evil.example/", False),
        (201, "https://evil.example/", False),
        (404, "https://evil.example/", False),
    ],
)
def test_redirects(status, location, away):
    flow = answered(status, {"location": location})
    if away:
        assert flow.response.status_code == 502 and flow.response.headers["x-mitmvault-reason"] == "upstream_redirect"
        assert "location" not in flow.response.headers
    else:
        assert flow.response.status_code == status and flow.response.stream


def test_a_redirect_without_a_location():
    assert answered(304, {}).response.stream and answered(300, {"location": ""}).response.stream


def test_a_plain_http_provider_stays_where_it_is():
    made = world({"ollama": {"endpoint": "http://127.0.0.1:11434/v1", "keys": [{"key": KEY}]}})
    flow = tflow.tflow()
    permits.attach(flow.request, decide(made, arrival("/ollama/v1/x", bearer(), JSON), chat()))
    for location, left in (
        ("http://127.0.0.1:11434/y", "/y"),
        ("http://127.0.0.1/y", None),
        ("https://127.0.0.1:11434/", None),
    ):
        flow.response = http.Response.make(302, b"", {"location": location})
        Answers().responseheaders(flow)
        assert flow.response.headers.get("location") == left
        assert flow.response.status_code == (302 if left else 502)


def test_answers_without_a_permit_are_not_ours_to_change():
    flow = answered(302, {"location": "https://evil.example/"}, permit=False)
    assert flow.response.status_code == 302 and not flow.response.stream


def test_switching_protocols_is_left_alone():
    assert not answered(101, {"upgrade": "websocket"}).response.stream


@pytest.mark.parametrize(
    "location", ["/\\evil.example/", "\\\\evil.example/", "///evil.example/", "https:\\\\evil.example/"]
)
def test_redirects_as_browsers_read_them(location):
    assert "location" not in answered(302, {"location": location}).response.headers


@pytest.mark.parametrize(
    "location", ["https://evil.example:99999/", "https://[evil.example/", "https://evil.example:x/"]
)
def test_a_location_that_cannot_be_read_is_not_passed_on(location):
    assert "location" not in answered(302, {"location": location}).response.headers


def test_two_locations():
    flow = tflow.tflow()
    permits.attach(flow.request, decide(world(), arrival("/groq/v1/x", bearer(), JSON), chat()))
    flow.response = http.Response.make(302, b"")
    flow.response.headers = http.Headers([(b"location", b"/x"), (b"location", b"https://evil.example/")])
    Answers().responseheaders(flow)
    assert flow.response.status_code == 502 and "location" not in flow.response.headers


def test_a_held_back_answer_without_a_body_gets_ours():
    flow = answered(302, {"location": "https://evil.example/"})
    Answers().response(flow)
    assert b"upstream_redirect" in flow.response.raw_content


def test_a_held_back_answer_is_sent_once_and_theirs_is_not():
    flow = answered(302, {"location": "https://evil.example/"})
    first = list(flow.response.stream(b"theirs"))
    assert b"upstream_redirect" in b"".join(first) and flow.response.stream(b"more") == [] == flow.response.stream(b"")
    Answers().response(flow)
    assert not flow.response.raw_content


def test_an_answer_that_was_not_held_back_keeps_its_body():
    flow = answered(200, {})
    Answers().response(flow)
    assert not flow.response.raw_content


def test_an_error_that_quotes_the_key_is_masked():
    flow = answered(200, {"x-echo": KEY})
    flow.error = tflow.terr()
    flow.error.msg = f"unreadable: {KEY}"
    Answers().error(flow)
    assert KEY not in flow.error.msg and KEY not in repr(flow.response.headers)

"""Which requests are for the dashboard, and how its sessions travel."""

from __future__ import annotations

import pytest

from mitmvault.core.pages import ui
from mitmvault.core.refusal import Refusal
from tests.worlds import PROVIDERS, arrival, intercepted, world

WORLD = world(configured="allow_origins: ['*']\nnames: [vault.example]")
WITH_UI = world(PROVIDERS | {"ui": {"endpoint": "https://ui.example/v1", "keys": [{"key": "made-up-ui-0001"}]}})


def get(target: str, *headers: tuple[str, str], **fields):
    return arrival(target, *headers, method="GET", **fields)


@pytest.mark.parametrize(
    ("data", "ours"),
    [
        (b"GET /ui/ HTTP/1.1\r\nHost: x\r\n", True),
        (b"GET /ui HTTP/1.1\r\n", True),
        (b"POST /ui/session HTTP/1.1\r\n", True),
        (b"GET /ui/api/now?a=%2F HTTP/1.0\n", True),
        (b"GET /ui/../openai/v1/models HTTP/1.1\r\n", True),  # and is refused there
        (b"GET /uid HTTP/1.1\r\n", False),
        (b"GET /UI/ HTTP/1.1\r\n", False),
        (b"GET /openai/ui/ HTTP/1.1\r\n", False),
        (b"GET http://127.0.0.1:8080/ui/ HTTP/1.1\r\n", False),
        (b"GET /ui/ HTTP/1.1", False),  # the line is not complete yet
        (b"GET /ui/ HTTP/2.0\r\n", False),
        (b"CONNECT /ui/ HTTP/1.1\r\nX-Host-Final: openai\r\n", False),
        (b"GET /ui/ HTTP/1.1\r\nx-host-FINAL : openai\r\n", False),
        (b"\x16\x03\x01\x02\x00", False),
        (b"", False),
    ],
)
def test_first_bytes(data, ours):
    assert ui.begins(WORLD, data) is ours
    assert not ui.begins(WITH_UI, data)  # a provider of this name has the paths


def reason(world_, arrival_) -> str | None:
    try:
        ui.check(world_, arrival_)
    except Refusal as refusal:
        return refusal.reason
    return None


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (get("/ui/"), None),
        (get("/ui/", ("Sec-Fetch-Site", "cross-site")), None),  # a link to the page is no harm
        (get("/ui/api/now"), None),
        (get("/ui/api/now", ("Sec-Fetch-Site", "same-origin"), ("Origin", "http://127.0.0.1:8080")), None),
        (get("/ui/api/now", ("Sec-Fetch-Site", "none")), None),
        (get("/ui/api/now", host="vault.example", port=80, listener=("10.0.0.1", 80)), None),
        (get("/ui/api/now", ("Sec-Fetch-Site", "same-site")), "origin_refused"),  # another port of this machine
        (get("/ui/api/now", ("Sec-Fetch-Site", "cross-site")), "origin_refused"),
        (get("/ui/api/now", ("Origin", "https://evil.example")), "origin_refused"),  # whatever allow_origins says
        (get("/ui/api/now", ("Origin", "http://127.0.0.1:9")), "origin_refused"),
        (get("/ui/session", ("Origin", "null")), "origin_refused"),
        (get("/ui/", host="rebound.example"), "destination_refused"),
        (get("/ui/", ("X-Host-Final", "openai")), "destination_refused"),
        (intercepted("api.openai.com", "/ui/", method="GET"), "destination_refused"),
        (get("/openai/v1/models"), "new_connection_needed"),
    ],
)
def test_checked(asked, why):
    assert reason(WORLD, asked) == why


def test_once_more_on_a_new_connection():
    answer = ui.out_of_place(get("/ui/api/tail?after=5"))
    assert answer.status == 307 and ("connection", "close") in answer.headers
    place = dict(answer.headers)["location"]
    assert place == "/ui/api/tail?after=5&again=1"
    with pytest.raises(Refusal, match="new_connection_needed"):
        ui.out_of_place(get(place))
    assert dict(ui.out_of_place(get("/ui/")).headers)["location"] == "/ui/?again=1"


def test_queries():
    assert ui.query_of(get("/ui/api/x?a=%C3%A9&b=&c=1+2")) == {"a": "é", "b": "", "c": "1 2"}
    for target in ("/ui/api/x?a=1&a=2", "/ui/api/x?a=1&%61=2"):
        with pytest.raises(Refusal, match="duplicate_field"):
            ui.query_of(get(target))
    with pytest.raises(Refusal, match="bad_request"):
        ui.query_of(get("/ui/api/x?" + "&".join(f"n{number}=1" for number in range(99))))


def test_cookies():
    asked = get("/ui/api/now", ("Cookie", "a=b; mitmvault_ui_8080=word; mitmvault_ui_9=other"))
    assert ui.cookie(asked) == "word" and ui.cookie(get("/ui/")) is None
    name, value = ui.set_cookie(asked, "new")
    assert (
        name == "set-cookie" and value == "mitmvault_ui_8080=new; Max-Age=43200; Path=/ui/; HttpOnly; SameSite=Strict"
    )
    assert "Max-Age=0;" in ui.set_cookie(asked, "", 0)[1]
    assert ui.set_cookie(get("/ui/", ("Origin", "https://vault.example")), "x")[1].endswith("; Secure")


def test_policy():
    policy = dict(ui.SECURITY)["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert "frame-ancestors 'none'" in policy and "form-action 'none'" in policy and "base-uri 'none'" in policy

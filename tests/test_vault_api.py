"""Which requests are for the vault, who may ask, under which conditions, and the words of the answers."""

from __future__ import annotations

import json

import pytest

from mitmvault.core.message.arrival import Way
from mitmvault.core.pages import vault_api
from mitmvault.core.refusal import Refusal
from mitmvault.core.secret import Secret
from tests.worlds import arrival, world


def ask(*headers: tuple[str, str], method: str = "GET", target: str = "/ai.json.enc", **fields):
    return arrival(target, *headers, method=method, **fields)


@pytest.mark.parametrize(
    ("data", "ours"),
    [
        (b"GET /ai.json HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET /ai.json.enc ", True),
        (b"PUT /ai.json.enc?x=1 HTTP/1.1\r\n", True),
        (b"OPTIONS /ai.json HTTP/1.1\r\n", True),
        (b"BREW /ai.json HTTP/1.1\r\n", True),  # gets its 405
        (b"", False),
        (b"GET /ai.js", False),
        (b"GET /ai.json", False),  # what comes next may be anything
        (b"GET /ai.json\r\n", False),
        (b"GET /ai.jsonl HTTP/1.1\r\n", False),
        (b"GET /ai.json/ HTTP/1.1\r\n", False),
        (b"GET /AI.JSON HTTP/1.1\r\n", False),
        (b"GET //ai.json HTTP/1.1\r\n", False),
        (b"GET /%61i.json HTTP/1.1\r\n", False),
        (b"GET /openai/ai.json HTTP/1.1\r\n", False),
        (b"GET  /ai.json HTTP/1.1\r\n", False),
        (b"\r\nGET /ai.json HTTP/1.1\r\n", False),
        (b"GET http://127.0.0.1:8080/ai.json HTTP/1.1\r\n", False),
        (b"CONNECT 127.0.0.1:8080 HTTP/1.1\r\n\r\nGET /ai.json HTTP/1.1\r\n", False),
        (b"\x16\x03\x01GET /ai.json ", False),
        (b"\xff /ai.json ", False),
    ],
)
def test_begins(data: bytes, ours: bool) -> None:
    assert vault_api.begins(data) is ours


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (ask(), None),
        (ask(host="localhost"), None),
        (ask(("Origin", "http://127.0.0.1:8080")), None),
        (ask(host="rebind.evil.example"), "destination_refused"),
        (ask(host="api.openai.com", port=80), "destination_refused"),
        (ask(port=8081), "destination_refused"),
        (ask(way=Way.TUNNEL), "destination_refused"),
        (ask(("Host", "other.example")), "host_mismatch"),
        (ask(("Origin", "https://evil.example")), "origin_refused"),
        (ask(("X-Bad", "a\x0bb")), "bad_request"),
        (ask(target="/health"), "new_connection_needed"),
        (ask(target="/openai/v1/chat/completions"), "new_connection_needed"),
    ],
)
def test_check(asked, reason: str | None) -> None:
    try:
        vault_api.check(world(), asked)
        found = None
    except Refusal as refusal:
        found = refusal.reason
    assert found == reason


def test_out_of_place_says_what_to_do() -> None:
    refusal = vault_api.out_of_place()
    assert refusal.status == 421 and "open a new connection" in refusal.text


@pytest.mark.parametrize(
    ("values", "token"),
    [
        (("Bearer abc",), "abc"),
        (("bearer   abc",), "abc"),
        (("Bearer correct horse battery",), "correct horse battery"),
        (("Bearer \udcff",), "\udcff"),
        ((), None),
        (("Bearer",), None),
        (("Bearer ",), None),
        (("abc",), None),
        (("Basic YTpi",), None),
        (("Bearer abc", "Bearer def"), None),
    ],
)
def test_bearer(values: tuple[str, ...], token: str | None) -> None:
    found = vault_api.bearer(ask(*(("Authorization", value) for value in values)))
    assert found == (Secret(token) if token else None)


@pytest.mark.parametrize(
    ("method", "headers", "version", "status"),
    [
        ("PUT", {}, "v1", None),
        ("PUT", {"If-Match": '"v1"'}, "v1", None),
        ("PUT", {"If-Match": '"v0", "v1"'}, "v1", None),
        ("PUT", {"If-Match": "*"}, "v1", None),
        ("PUT", {"If-Match": '"v0"'}, "v1", 412),
        ("PUT", {"If-Match": 'W/"v1"'}, "v1", 412),  # a weak tag never matches strongly
        ("PUT", {"If-Match": "v1"}, "v1", 412),
        ("PUT", {"If-Match": ""}, "v1", 412),
        ("PUT", {"If-Match": "*"}, "", 412),
        ("PUT", {"If-Match": '""'}, "", 412),
        ("PUT", {"If-None-Match": "*"}, "", None),
        ("PUT", {"If-None-Match": "*"}, "v1", 412),
        ("PUT", {"If-None-Match": '"v0"'}, "v1", None),
        ("PUT", {"If-Match": '"v1"', "If-None-Match": '"v1"'}, "v1", 412),
        ("GET", {"If-None-Match": '"v1"'}, "v1", 304),
        ("HEAD", {"If-None-Match": 'W/"v1"'}, "v1", 304),
        ("GET", {"If-None-Match": '"v0"'}, "v1", None),
        ("GET", {"If-Match": '"v0"'}, "v1", 412),
    ],
)
def test_condition(method: str, headers: dict[str, str], version: str, status: int | None) -> None:
    assert vault_api.condition(ask(*headers.items(), method=method), version) == status


def test_words() -> None:
    assert json.loads(vault_api.unauthorized().body) == {"error": "Unauthorized"}
    assert vault_api.no_vault(ask()).body == b"Vault not found"
    assert json.loads(vault_api.no_vault(ask(target="/ai.json?x")).body) == {"error": "Vault not found"}
    assert dict(vault_api.too_many(7).headers)["retry-after"] == "7"
    assert dict(vault_api.sealed_vault(b"x", "v1").headers)["etag"] == '"v1"'
    assert vault_api.not_allowed(ask(method="PUT")) is None


def test_every_answer_is_kept_by_nobody() -> None:
    answers = [vault_api.missing_token(), vault_api.wrong_password(), vault_api.sealed_vault(b"x", "v"),
               vault_api.plain_vault(b"{}", "v"), vault_api.updated("v"), vault_api.unchanged("v"),
               vault_api.no_vault(ask()), vault_api.stale(), vault_api.too_large(1)]  # fmt: skip
    assert all(dict(found.headers)["cache-control"] == "no-store" for found in answers)

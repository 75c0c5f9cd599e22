"""Errors that the gateway wrote itself, told from those of providers, and what to change."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mitmvault.core.answer.gateway_errors import HELD, HINTS, hint, is_wanted

# As people met them.
UNAUTHORIZED = (
    b'{"success":false,"result":[],"messages":[],"error":[{"code":2009,"message":"Unauthorized"}],'
    b'"name":"AiGatewayError","httpCode":401,"internalCode":2009,"message":"Unauthorized"}'
)
API = b'{"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"messages":[],"result":null}'


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (UNAUTHORIZED, "Cloudflare code 2009: .*CLOUDFLARE_AIG_TOKEN"),
        (API, "Cloudflare code 10000: .*gatewayKey"),
        (b'{"success":false,"error":[{"code":4711}]}', "Cloudflare code 4711: .*not documented"),
    ],
)
def test_the_gateways_own(body, words):
    found = hint(body)
    assert found and re.match(words, found) and found.isascii() and found.isprintable()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 10_000,
        b"[]",
        b'{"error":{"message":"x","code":"rate_limit_exceeded"}}',
        b'{"success":true,"error":[{"code":2009}]}',
        b'{"success":false}',
        b'{"success":false,"error":[]}',
        b'{"success":false,"error":["x"]}',
        b'{"success":false,"error":{"code":2009}}',
        b'{"success":false,"error":[{"code":"2009"}]}',
        b'{"success":false,"error":[{"code":true}]}',
        b'{"success":false,"error":[{"code":-1}]}',
        b'{"success":false,"error":[{"code":1e99}]}',
    ],
)
def test_others(body):
    assert hint(body) is None


@pytest.mark.parametrize(
    ("status", "media", "length", "wanted"),
    [
        (401, "application/json", "100", True),
        (500, "Application/JSON; charset=utf-8", None, True),
        (400, "application/json", str(HELD), True),
        (400, "application/json", str(HELD + 1), False),
        (400, "application/json", "9" * 5000, False),
        (400, "application/json", "x", False),
        (400, "text/event-stream", None, False),
        (200, "application/json", "100", False),
        (302, "application/json", "100", False),
    ],
)
def test_which_answers_are_read_first(status, media, length, wanted):
    assert is_wanted(status, media, length) is wanted


def test_the_docs_list_every_code():
    page = (Path(__file__).parent.parent / "docs" / "errors.md").read_text()
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", page, re.M)] == list(HINTS)


def test_a_hint_is_one_header_line():
    for code in HINTS:
        found = hint(json.dumps({"success": False, "error": [{"code": code}]}).encode())
        assert found and found.isascii() and found.isprintable() and len(found) < 250

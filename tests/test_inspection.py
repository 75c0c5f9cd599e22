"""Where credentials and user tokens are found, and that they can be blotted out."""

from __future__ import annotations

import base64
import json

import pytest

from mitmvault.local.inspection import BODY_LIMIT, inspect

TOKEN = "ronan-T0k.en~1/2+x="
KEY = "sk-real-0123456789abcdef-a1f3"


def places(target: str = "/v1", headers: tuple[tuple[str, str], ...] = (), body: bytes = b"") -> tuple[str, ...]:
    return inspect(target, headers, body, TOKEN.__eq__).token_places


BASIC = base64.b64encode(f"ronan:{TOKEN}".encode()).decode()


@pytest.mark.parametrize(
    "target, header, body, expected",
    [
        ("/v1", ("Authorization", f"Bearer {KEY}"), b"hello", ()),
        ("/v1", ("Authorization", f"Bearer {TOKEN}"), b"", ("the header Authorization",)),
        ("/v1", ("Authorization", TOKEN), b"", ("the header Authorization",)),
        ("/v1", ("Proxy-Authorization", f"Basic {BASIC}"), b"", ("the header Proxy-Authorization",)),
        ("/v1", ("Cookie", f"a=b; session={TOKEN}; c=d"), b"", ("the header Cookie",)),
        ("/v1", ("X-Odd", f"<{TOKEN}>, 7"), b"", ("the header X-Odd",)),
        (f"/v1?auth_token={TOKEN}&x=1", None, b"", ("the query",)),
        ("/v1?auth_token=ronan-T0k%2Een%7E1%2F2%2Bx%3D", None, b"", ("the query",)),
        (f"/{TOKEN}", None, b"", ("the path",)),
        ("/v1", None, json.dumps({"user": TOKEN}).encode(), ("the body",)),
        ("/v1", None, json.dumps({"user": TOKEN}).replace("/", "\\/").encode(), ("the body",)),
        ("/v1", None, json.dumps({"user": TOKEN}).replace("-", "\\u002D").encode(), ("the body",)),
        ("/v1", None, b"my token is " + TOKEN.encode() + b"\n", ("the body",)),
        ("/v1", ("x-api-key", TOKEN), TOKEN.encode(), ("the header x-api-key", "the body")),
        ("/v1", ("Authorization", "Basic !!!"), b"\xff\xfe", ()),
    ],
)
def test_tokens_are_found(target: str, header: tuple[str, str] | None, body: bytes, expected: tuple[str, ...]) -> None:
    assert places(target, (header,) if header else (), body) == expected


@pytest.mark.parametrize(
    "target, headers, expected",
    [
        ("/v1", [("authorization", f"Bearer {KEY}")], [("the header Authorization", KEY)]),
        ("/v1", [("Authorization", KEY)], [("the header Authorization", KEY)]),
        ("/v1", [("X-Api-Key", KEY)], [("the header x-api-key", KEY)]),
        ("/v1?x=1&key=a%2Bb", [], [("the query parameter key", "a+b")]),
        ("/v1", [("X-Goog-Api-Key", "a"), ("Api-Key", "b")], [("the header x-goog-api-key", "a"),
                                                              ("the header api-key", "b")]),
        ("/v1?keys=1", [("Cookie", "key=1")], []),
    ],
)  # fmt: skip
def test_credentials(target: str, headers: list[tuple[str, str]], expected: list[tuple[str, str]]) -> None:
    found = inspect(target, headers, b"", lambda word: False).credentials
    assert [(credential.place, credential.key.reveal()) for credential in found] == expected


def test_blotted_hides_keys_and_tokens() -> None:
    inspection = inspect(f"/{TOKEN}", [("x-api-key", KEY)], b"", TOKEN.__eq__)
    assert inspection.blotted(f"{KEY} {TOKEN} {KEY[-4:]}") == "••• ••• a1f3"


@pytest.mark.parametrize("padding, complete, found", [(0, True, ("the body",)), (BODY_LIMIT, False, ())])
def test_a_long_body_is_reported_as_not_searched(padding: int, complete: bool, found: tuple[str, ...]) -> None:
    inspection = inspect("/", (), b" " * padding + TOKEN.encode(), TOKEN.__eq__)
    assert (inspection.complete, inspection.token_places) == (complete, found)

"""Sessions are recorded when they are short plain names, and when they are nobody's token."""

from __future__ import annotations

import pytest

from mitmvault.core.message.credentials import stripped_headers
from mitmvault.core.message.session import session_of
from tests.worlds import TOKENS, arrival, world

USERS = world().users


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("X-Session-ID", "s-1234")], "s-1234"),
        ([("x-session-id", "a" * 128)], "a" * 128),
        ([("Cookie", "a=b; session_id=s-1; c=d")], "s-1"),
        ([("Cookie", 'session_id="s-1"')], "s-1"),
        ([("Cookie", "session_id=cookie"), ("X-Session-ID", "header")], "header"),
        ([("X-Session-ID", "bad one"), ("Cookie", "session_id=good")], "good"),
        ([("X-Session-ID", "")], None),
        ([("X-Session-ID", "a" * 129)], None),
        ([("X-Session-ID", "a\x1b[31m")], None),
        ([("X-Session-ID", "sé")], None),
        ([("X-Session-ID", TOKENS["alice"])], None),
        ([("Cookie", f"session_id={TOKENS['bob']}")], None),
        ([("Cookie", "xsession_id=s-1; session=s-2")], None),
        ([], None),
    ],
)
def test_session(headers: list[tuple[str, str]], expected: str | None) -> None:
    assert session_of(arrival("/x", *headers), USERS) == expected


def test_it_stays_here() -> None:
    assert stripped_headers((("X-SESSION-ID", "s"), ("Cookie", "session_id=s"), ("X-A", "1"))) == (("X-A", "1"),)

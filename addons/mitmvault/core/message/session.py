"""The session that a client says a request belongs to, for people who read the log. (reference system 001)

Rules: 1. It is recorded and opens nothing. It stays here: the header and the cookie are stripped (credentials.py).
       2. What is no short plain name is not recorded, nor what is a user's token.
"""

from __future__ import annotations

import re

from mitmvault.core.configuration.users import Users
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.message.credentials import SESSION

COOKIE = "session_id"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@=+-]{0,127}\Z")


def session_of(arrival: Arrival, users: Users) -> str | None:
    """The header X-Session-ID, else the cookie session_id; None without a usable one."""
    for value in (*arrival.values(SESSION), *_cookies(arrival)):
        if _PLAIN.match(value) and users.find(value) is None:
            return value
    return None


def _cookies(arrival: Arrival) -> list[str]:
    """RFC 6265, section 4.2.1: `name=value` pairs, a semicolon between them."""
    pairs = (pair.partition("=") for value in arrival.values("cookie") for pair in value.split(";"))
    return [value.strip().strip('"') for name, _, value in pairs if name.strip() == COOKIE]

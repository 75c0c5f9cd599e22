"""Answers that browsers let a web page read: for the origins that the operator allows, and for no others.

Source: the Fetch standard, section "HTTP CORS protocol". A preflight carries no credentials, so it is answered without
a token; it opens nothing by itself.
"""

from __future__ import annotations

from mitmvault.core.configuration.settings import Settings
from mitmvault.core.message import form
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.refusal import Answer

METHODS = "GET, HEAD, PUT, POST, DELETE, PATCH, OPTIONS"
MAX_AGE = 86400  # seconds a browser may keep the answer; it caps this itself
Headers = tuple[tuple[str, str], ...]


def headers(settings: Settings, arrival: Arrival) -> Headers:
    """What every answer to this request carries; nothing where the origin is not allowed."""
    origin = arrival.value("origin")
    if "*" in settings.allow_origins:
        return (("access-control-allow-origin", "*"), ("access-control-expose-headers", "*"))
    if origin and origin.lower() in settings.allow_origins:
        return (
            ("access-control-allow-origin", origin),
            ("access-control-expose-headers", "*"),
            ("vary", "origin"),
        )
    return ()


def preflight(settings: Settings, arrival: Arrival) -> Answer | None:
    """The answer to a preflight from an allowed origin; None for anything else. Raises Refusal for a malformed one."""
    asked = arrival.value("access-control-request-method")
    if arrival.method != "OPTIONS" or not asked or not headers(settings, arrival):
        return None
    form.check(arrival)  # what it asks for is said back
    wanted = arrival.value("access-control-request-headers")
    found = [
        ("access-control-allow-methods", METHODS),
        ("access-control-max-age", str(MAX_AGE)),
        ("content-length", "0"),
    ]
    if wanted:
        found.append(("access-control-allow-headers", wanted))
    return Answer(204, tuple(found), b"")

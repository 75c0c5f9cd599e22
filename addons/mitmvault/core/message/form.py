"""Is the request well formed? What two parsers could read differently is refused. (SECURITY P7)

Rules: 1. Method and header names are tokens, values and target hold no control characters (RFC 9110, sections 5 and 9).
       2. A field that decides how the message is read is there once.
       3. TRACE is not served: its answer is the request, credentials included.

mitmproxy checks some of this (`validate_inbound_headers`), 11.0.2 less than 12.2.3; neither checks values or targets.
"""

from __future__ import annotations

import re

from mitmvault.core.message.arrival import Arrival
from mitmvault.core.refusal import Refusal

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # a horizontal tab may stand in a value
_NOT_IN_TARGET = re.compile(r"[\x00-\x20\x7f]")
_ONCE = ("content-type", "content-encoding", "content-length", "transfer-encoding")
NOT_SERVED = frozenset({"TRACE", "TRACK"})


def is_token(text: str) -> bool:
    """Is this a token (RFC 9110, section 5.6.2), as methods and header names must be?"""
    return bool(_TOKEN.match(text))


def check(arrival: Arrival) -> None:
    """Raises Refusal for a request that is not well formed."""
    if not is_token(arrival.method) or arrival.method.upper() in NOT_SERVED:
        raise Refusal("bad_request", "This request method is not served.")
    if _NOT_IN_TARGET.search(arrival.target):
        raise Refusal("bad_path", "The request target contains blanks or control characters.")
    for name, value in arrival.headers:
        if not is_token(name) or _CONTROL.search(value):
            raise Refusal("bad_request", "A header field has an invalid name, or control characters in its value.")
    for name in _ONCE:
        if len(list(arrival.values(name))) > 1:
            raise Refusal("bad_request", f"The header field {name} may be sent only once.")

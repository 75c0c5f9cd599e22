"""Every place where a client may carry its token: found, then removed (SECURITY P6).

Rules: 1. All carriers are read. Two different users in one request is a refusal, not a question of precedence.
       2. All carriers are removed, in every duplicate and case, whether or not they held the token.
       3. What a `Connection` header names is removed, and so is every hop-by-hop header (RFC 9110, section 7.6.1).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

from mitmvault.core.message.arrival import Arrival, Headers

# header -> how its value holds a token
CARRIERS = {
    "proxy-authorization": "scheme",
    "authorization": "scheme",
    "x-api-key": "bare",
    "x-goog-api-key": "bare",
    "api-key": "bare",
    "x-auth-token": "bare",
    "sec-websocket-protocol": "subprotocol",
}
_SCHEMES = frozenset({"bearer", "token", "basic"})
_PAIRS = re.compile("[&;]")  # some servers take a semicolon for an ampersand
_PAIR = re.compile("[^&;]*[&;]|[^&;]+")
QUERY_CARRIERS = frozenset({"key", "auth_token"})
# A signed URL of AWS: its access key id is in clear, and a signature of the client's is nothing to send on.
_SIGNED_QUERY = "x-amz-"
# AWS SDKs sign with whatever they have for a key pair; the access key id stands in clear and may be the token.
_SIGNED = re.compile(r"(?:^|[\s,])Credential=([^/,\s]+)/")
# Browsers cannot set headers on a WebSocket, so OpenAI and Cloudflare take keys as subprotocols.
SUBPROTOCOLS = ("openai-insecure-api-key.", "cf-aig-authorization.")

SESSION = "x-session-id"  # recorded, see core/message/session.py
INQUIRY = "x-mitmvault-inquiry"  # what our own requests to our own listener carry (local/inquiry.py)
UI_PAGE = "x-mitmvault-page"  # one half of a session of the dashboard (core/pages/ui.py)

# Every header that is a credential as a whole; in some of them we never look for a token.
CREDENTIALS = frozenset(CARRIERS) - {"sec-websocket-protocol"} | {
    "cookie",
    INQUIRY,
    UI_PAGE,
    "cf-aig-authorization",
    "x-auth-key",
    "x-auth-email",
    "x-amz-security-token",
}
AIG = "cf-aig-"
PAYER = "x-goog-user-project"
_PAYERS = {PAYER, "$userproject"}  # Google takes system parameters in the query, too
# Beside them: our own control header, and what says where to: host and gateway are set anew from the destination.
# So is what belongs to a signature of the client's own for AWS, and whose project Google bills.
STRIPPED = CREDENTIALS | {
    "x-host-final",
    SESSION,
    "host",
    "cf-aig-gateway-id",
    "x-amz-date",
    "x-amz-content-sha256",
    PAYER,
}
HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "te", "upgrade", "proxy-authenticate"})


def candidates(arrival: Arrival) -> Iterator[str]:
    """Every string in the arrival that may be a user token, in carrier order."""
    return filter(None, _carried(arrival))


def _carried(arrival: Arrival) -> Iterator[str]:
    for name, kind in CARRIERS.items():
        for value in arrival.values(name):
            yield from _READERS[kind](value)
    for pair in _PAIRS.split(arrival.target.partition("?")[2]):
        name, _, value = pair.partition("=")
        if value and unquote_plus(name).lower() in QUERY_CARRIERS:
            yield unquote_plus(value)


def stripped_headers(headers: Headers, websocket: bool = False, gateway: bool = True) -> Headers:
    """The headers that may reach the provider, in their order and spelling.

    `gateway` says whether Cloudflare's own headers (`cf-aig-*`) meet somebody who understands them.
    """
    named = {token.strip().lower() for key, value in headers if key.lower() == "connection"
             for token in value.split(",")}  # fmt: skip
    # A message's framing is not the client's to remove by naming it in Connection.
    gone = STRIPPED | HOP_BY_HOP | named - {"content-length", "transfer-encoding", "content-type", "content-encoding"}
    kept = []
    for key, value in headers:
        name = key.lower()
        if name == "sec-websocket-protocol":
            value = ", ".join(p for p in map(str.strip, value.split(",")) if not p.lower().startswith(SUBPROTOCOLS))
            if not value:
                continue
        if name not in gone and (gateway or not name.startswith(AIG)):
            kept.append((key, value))
    if websocket:  # the handshake is hop-by-hop, and is what the client wants
        kept += [("Connection", "Upgrade"), ("Upgrade", "websocket")]
    return tuple(kept)


def stripped_target(target: str) -> str:
    """The request target without credentials in its query; every other byte stays."""
    path, mark, query = target.partition("?")
    kept = "".join(pair for pair in _PAIR.findall(query) if not _carries(pair))
    if not mark or kept == query:
        return target
    return f"{path}?{kept.rstrip('&;')}" if kept else path


def _carries(pair: str) -> bool:
    name = unquote_plus(pair.partition("=")[0]).lower()
    return name in QUERY_CARRIERS or name in _PAYERS or name.startswith(_SIGNED_QUERY)


def _scheme(value: str) -> Iterator[str]:
    scheme, _, rest = value.strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "aws4-hmac-sha256":
        yield from _SIGNED.findall(rest)
        return
    if scheme.lower() != "basic":
        if rest or scheme.lower() not in _SCHEMES:  # "Bearer" with nothing behind it carries nothing
            yield rest or scheme  # "Bearer token", "Token token", or the bare token
        return
    try:
        user, _, password = base64.b64decode(rest, validate=True).decode().partition(":")
    except ValueError:  # no base64, no ASCII, no UTF-8
        return
    # http://name:token@proxy and http://token@proxy are both in use; a placeholder such as x is no token.
    yield from (part for part in (password, user) if part)


def _bare(value: str) -> Iterator[str]:
    yield from _scheme(value) if " " in value.strip() else iter([value.strip()])


def _subprotocol(value: str) -> Iterator[str]:
    for protocol in map(str.strip, value.split(",")):
        for prefix in SUBPROTOCOLS:
            if protocol.lower().startswith(prefix):
                yield protocol[len(prefix) :]


_READERS = {"scheme": _scheme, "bare": _bare, "subprotocol": _subprotocol}

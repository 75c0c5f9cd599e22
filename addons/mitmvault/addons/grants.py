"""A permit put into effect: the flow is edited as it says, and may leave. (DESIGN section 4.6)

Rules: 1. The flow shows a placeholder where a key will be; the wire ring writes the key into a copy.
       2. What was shown of the client's request before is kept, for people (addons/rewrite.py): its head, redacted.
       3. The permit goes onto the request object, and its destination may be dialled from now on.
       4. `Expect: 100-continue` does not go on once mitmproxy has answered it: the provider would answer it again.
"""

from __future__ import annotations

from dataclasses import dataclass

from mitmproxy import http

from mitmvault.addons.arrivals import session_note
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.message.credentials import stripped_headers
from mitmvault.core.verdict import Permit
from mitmvault.wire import dial, permits

_BEFORE = "_mitmvault_before"


@dataclass(frozen=True)
class Before:
    """The head of a request as it was shown before it was edited."""

    path: str
    fields: tuple[tuple[bytes, bytes], ...]

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The headers as texts, in the client's order."""
        return tuple(http.Headers(self.fields).items(multi=True))


def shown_before(request: http.Request) -> Before | None:
    """What was shown of a request before it was edited; None if it was not, or not in this process."""
    return request.__dict__.get(_BEFORE)


def keep_shown(request: http.Request) -> None:
    """Keep what is shown of a request now, as it came."""
    request.__dict__[_BEFORE] = Before(request.path, request.headers.fields)


def grant(flow: http.HTTPFlow, arrival: Arrival, permit: Permit) -> None:
    """Edit the flow as the permit says, and let it leave."""
    request, target = flow.request, permit.target
    kept = stripped_headers(arrival.headers, arrival.websocket, target.mode != "direct")
    set_names = {name.lower() for name, _ in permit.headers} | permit.dropped
    if "expect" not in request.headers:  # mitmproxy removes it when it answers
        set_names |= {"expect"}
    headers = [(name, value) for name, value in kept if name.lower() not in set_names]
    headers += permit.headers
    if "close" in arrival.value("connection").lower():  # mitmproxy reads it here; the wire ring does not send it on
        headers.append(("Connection", "close"))
    headers += [(credential.header, credential.shown) for credential in permit.credentials()]
    request.headers = http.Headers([(n.encode("utf-8", "surrogateescape"), v.encode("utf-8", "surrogateescape"))
                                    for n, v in headers])  # fmt: skip
    request.data.scheme = target.scheme.encode()
    request.data.host, request.data.port = target.host, target.port
    request.path = target.path
    request.authority = target.authority if request.is_http2 else ""
    if not request.is_http2:
        request.headers.insert(0, "Host", target.authority)
    if permit.body is not None:
        request.data.content = permit.body
    if request.raw_content and "transfer-encoding" not in request.headers:
        # HTTP/2 needs no length, and mitmproxy would send such a body over HTTP/1 without any framing.
        request.headers["content-length"] = str(len(request.raw_content))
    flow.comment = permit.story + session_note(flow)
    permits.attach(request, permit)
    dial.permit(target.host, target.port)

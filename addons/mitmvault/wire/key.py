"""The real key, written at the last possible moment: when the head is serialised for the provider's connection.

Rules: 1. No permit, no bytes. Whatever went wrong before, it ends here in a refusal and not in a leak.
       2. The connection must be the permit's: host, port, no proxy in between, and TLS with the permit's name
          verified; plain HTTP only where the vault's own endpoint says so.
       3. The key goes into a copy. The flow keeps what everybody may see.
       4. Keys that stand in a body are written where the permit says, if the body is, to the byte, the permit's.
       5. An error in here is reported by its type alone: its text may hold a key.

How: `mitmproxy.proxy.layers.http.HttpClient` instantiates the module globals Http1Client, Http2Client and Http3Client
(11.0.2 and 12.2.3). They are replaced by subclasses that copy the outgoing request. h1, h2 and WebSocket pass here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import msgspec
from mitmproxy import ctx
from mitmproxy.connection import Connection, Server
from mitmproxy.http import Request
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers.http import HttpEvent, ReceiveHttp, RequestData, RequestHeaders

from mitmvault.core.configuration.key_form import AWS
from mitmvault.core.message.credentials import CREDENTIALS
from mitmvault.core.refusal import Refusal
from mitmvault.core.verdict import Permit
from mitmvault.wire import compat, permits, retry, sigv4, switch

logger = logging.getLogger(__name__)
_NAMES = ("Http1Client", "Http2Client", "Http3Client")
_STOCK: dict[str, Any] = {name: getattr(layers, name) for name in _NAMES}


def install() -> None:
    """Put the subclasses in place; they stay until the process ends."""
    for name, stock in _STOCK.items():
        if getattr(layers, name) is stock:
            setattr(layers, name, _swapping(stock))


def _swapping(stock: Any) -> Any:
    class Swapping(stock):
        def _handle_event(self, event: Any) -> Iterator[Any]:
            refused = self.__dict__.setdefault("_mitmvault_refused", set())
            bodies = self.__dict__.setdefault("_mitmvault_bodies", {})
            if isinstance(event, RequestHeaders):
                outgoing = event.request.copy()
                try:
                    write(self.conn, event.request, outgoing)
                    if body := filled(event.request, outgoing):
                        bodies[event.stream_id] = body
                except Exception as error:
                    refused.add(event.stream_id)
                    yield ReceiveHttp(_denied(event.stream_id, error))
                    return
                if stock is _STOCK["Http1Client"] and not event.end_stream:
                    _frame(outgoing)
                event = RequestHeaders(event.stream_id, outgoing, event.end_stream, event.replay_flow)
            elif isinstance(event, HttpEvent) and event.stream_id in refused:
                return
            elif isinstance(event, RequestData) and event.stream_id in bodies:
                # mitmproxy sends a body that was read whole in one piece, the one that `filled` has compared.
                event = RequestData(event.stream_id, bodies.pop(event.stream_id))
            for command in super()._handle_event(event):
                if isinstance(command, ReceiveHttp):
                    retry.mark(command.event, self.conn)
                yield command

    Swapping.__name__ = f"Swapping{stock.__name__}"
    return Swapping


def write(connection: Connection, original: Request, outgoing: Request) -> None:
    """Write the credentials of the original's permit into the outgoing copy. Raises Refusal."""
    permit = permits.of(original)
    if permit is None or not switch.is_on():
        raise Refusal("not_permitted", "mitmvault did not permit this request; nothing was sent.")
    _check(connection, outgoing, permit)
    for name in CREDENTIALS:
        outgoing.headers.pop(name, None)
    if outgoing.headers.get("connection", "").lower() == "close":  # between the client and us
        outgoing.headers.pop("connection")
    for credential in permit.credentials():
        if credential.form == AWS and permit.target.signing:
            sigv4.sign(outgoing, credential.secret, permit.target.signing)
        else:
            outgoing.headers[credential.header] = credential.value()


def filled(original: Request, outgoing: Request) -> bytes | None:
    """The body with its keys, and its length in the head of the copy; None for a body without. Raises Refusal."""
    permit = permits.of(original)
    if permit is None or not (permit.steps or permit.slots):
        return None
    shown = original.raw_content
    if not permit.slots or shown is None or shown != permit.body:
        raise Refusal("not_permitted", "The body is not the one that was permitted; nothing was sent.")
    pieces, at = [], 0
    for slot in permit.slots:
        pieces += [shown[at : slot.start], msgspec.json.encode(slot.credential.value())]
        at = slot.end
    body = b"".join([*pieces, shown[at:]])
    outgoing.headers["content-length"] = str(len(body))
    return body


def _check(connection: Connection, outgoing: Request, permit: Permit) -> None:
    target = permit.target
    there = (target.host, target.port)
    same_place = isinstance(connection, Server) and connection.address == there and connection.via is None
    same_request = (outgoing.host, outgoing.port, outgoing.scheme) == (*there, target.scheme)
    # A content network looks at the Host header alone: another name there is another receiver of the key.
    same_name = {outgoing.authority or target.authority, *outgoing.headers.get_all("host")} == {target.authority}
    if target.scheme == "https":
        secure = connection.tls_established and connection.sni == target.host and not ctx.options.ssl_insecure
    else:
        secure = not connection.tls
    if not (same_place and same_request and same_name and secure):
        raise Refusal("not_permitted", "The connection is not the one that was permitted; nothing was sent.")


def _frame(outgoing: Request) -> None:
    """A streamed body from HTTP/2 has no length; over HTTP/1 it must have some framing."""
    if "content-length" not in outgoing.headers and "transfer-encoding" not in outgoing.headers:
        outgoing.headers["transfer-encoding"] = "chunked"


def _denied(stream_id: int, error: Exception) -> Any:
    if not isinstance(error, Refusal):
        logger.error("writing the key failed: %s", type(error).__name__)
        error = Refusal("internal_error", "mitmvault failed while it wrote the request; nothing was sent.")
    event = compat.server_error(stream_id, error.text)
    event.refusal = error  # type: ignore[attr-defined]  # picked up by wire.stream
    return event

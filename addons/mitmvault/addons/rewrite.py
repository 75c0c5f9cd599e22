"""The content view "Rewrite": what became of a request, and why. For mitmweb and mitmproxy's console.

Rules: 1. It is made when somebody looks, from the flow as it is shown: nothing stands here that the flow itself hides.
       2. Of the client's request, only its head is kept, as it was shown before it was edited: a reference, no copy.
       3. A flow that was read from a file has lost its head and its permit: what is left of it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mitmproxy import http

from mitmvault.addons.grants import shown_before
from mitmvault.addons.observer import Observer
from mitmvault.core.formats.units import duration
from mitmvault.core.records import rewrite
from mitmvault.core.records.rewrite import Side
from mitmvault.wire import content_view, permits

NAME = "Rewrite"


class Rewrite:
    """Adds the view to mitmproxy's own."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer

    def load(self, loader: Any) -> None:
        content_view.add(NAME, self.render)

    def render(self, flow: http.HTTPFlow, message: object = None, data: bytes = b"") -> str:
        """The text of the view, whichever message of the flow is looked at."""
        request, permit, head = flow.request, permits.of(flow.request), shown_before(flow.request)
        steps = (*self.observer.steps(flow), *_timings(flow))
        line = f"{request.method} {request.path} {request.http_version}"
        headers = tuple(request.headers.items(multi=True))
        if permit is None or head is None:
            return rewrite.page(flow.comment, steps, Side(line, headers), None)
        edit = permit.model if permit.body is not None and not permit.slots else None
        asked, sent = (edit.asked, edit.sent) if edit else (None, None)
        before = Side(f"{request.method} {head.path} {request.http_version}", head.headers, asked)
        return rewrite.page(flow.comment, steps, before, Side(line, headers, sent))


def _timings(flow: http.HTTPFlow) -> Iterator[tuple[str, str]]:
    """When what happened, counted from the first byte of the request."""
    began = flow.request.timestamp_start
    server, response = flow.server_conn, flow.response
    moments = (
        ("request complete", flow.request.timestamp_end),
        ("connected", server.timestamp_tcp_setup if server else None),
        ("TLS", server.timestamp_tls_setup if server else None),
        ("answer's head", response.timestamp_start if response else None),
        ("answer's end", response.timestamp_end if response else None),
    )
    # A connection that was open already has no part in this request.
    told = [f"{name} {duration(1000 * (at - began))}" for name, at in moments if at is not None and at >= began]
    if told:
        yield "timings", " · ".join(told)

"""The answer: streamed chunk by chunk, untouched unless it repeats the key. (DESIGN section 4.8, SECURITY P11, P12)"""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from mitmproxy import http

from mitmvault.addons.fail_closed import refuse, report
from mitmvault.core.hostnames import DEFAULT_PORTS
from mitmvault.core.refusal import Refusal
from mitmvault.core.verdict import Permit
from mitmvault.wire import echo, permits

_SWITCHING_PROTOCOLS = 101


class Answers:
    """Lets answers of providers stream; keeps a key in them from the client, and the client from being led away."""

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        permit = permits.of(flow.request)
        if permit is None or flow.response is None or flow.response.status_code == _SWITCHING_PROTOCOLS:
            return
        try:
            echo.mask_headers(permit, flow.response)
            flow.response.stream = (
                False if _leads_away(permit, flow.response) else echo.body_filter(permit, flow.response)
            )
        except Exception as error:
            report("Answers.responseheaders", error)
            flow.response.stream = lambda data: bytes(len(data))  # an answer that nobody looked at is blanked

    def response(self, flow: http.HTTPFlow) -> None:
        permit = permits.of(flow.request)
        if permit and flow.response and not flow.response.stream and _leads_away(permit, flow.response):
            text = f"{permit.provider} answered with a redirect to another host, which mitmvault does not follow."
            refuse(flow, Refusal("upstream_redirect", text, permit.dialect))

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        """Keep the newest message only: mitmproxy would keep them all, for hours of audio."""
        if flow.websocket:
            del flow.websocket.messages[:-1]


def _leads_away(permit: Permit, response: http.Response) -> bool:
    """Is this a redirect to another origin than the one that was permitted?"""
    location = response.headers.get("location")
    if not 300 <= response.status_code < 400 or not location:
        return False
    target = permit.target
    url = urlsplit(urljoin(f"{target.scheme}://{target.authority}{target.path}", location))
    there = (url.scheme, url.hostname, url.port or DEFAULT_PORTS.get(url.scheme))
    return there != (target.scheme, target.host, target.port)

"""The answer: streamed chunk by chunk, untouched unless it repeats the key. (DESIGN section 4.8, SECURITY P11, P12)

An error that may be the gateway's own is read first, so that a hint can stand in its head.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from mitmproxy import http

from mitmvault.addons.fail_closed import report
from mitmvault.core.answer import gateway_errors
from mitmvault.core.formats.coding import decode
from mitmvault.core.refusal import Answer, Refusal, answer
from mitmvault.core.verdict import Permit
from mitmvault.wire import echo, permits
from mitmvault.wire.stream import Hold, hold, is_held

_SWITCHING_PROTOCOLS = 101
_HELD = "mitmvault_held"
# A redirect that cannot be read as another host: no scheme, no `//`, nothing that browsers take for a slash or skip.
_RELATIVE = re.compile(r"(?!//)(?![A-Za-z][A-Za-z0-9+.-]*:)[!-\[\]-~]*\Z")
_STEP = re.compile(r"[0-9]{1,3}\Z")


class Answers:
    """Lets answers of providers stream; keeps a key in them from the client, and the client from being led away."""

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        permit, response = permits.of(flow.request), flow.response
        for name, value in flow.metadata.get("mitmvault_cors", ()):
            if response is not None:
                response.headers[name] = value
        if permit is None or response is None or response.status_code == _SWITCHING_PROTOCOLS:
            return
        try:
            echo.mask_head(flow.request, response)
            if permit.step is not None:
                response.headers["cf-aig-step"] = str(permit.step)
            if (permit.target.mode != "direct" or permit.step is not None) and _STEP.match(
                step := response.headers.get("cf-aig-step", "")
            ):
                flow.comment += f" · step {step}"
            if _leads_away(permit, response):
                text = f"{permit.provider} answered with a redirect to another host, which mitmvault does not follow."
                _hold_back(flow, response, answer(Refusal("upstream_redirect", text, permit.dialect)))
            else:
                response.stream = echo.body_filter(flow.request, response)
                _hold(permit, response)
        except Exception as error:
            report("Answers.responseheaders", error)
            text = "mitmvault failed while it read the answer's head; the answer is held back."
            _hold_back(flow, response, answer(Refusal("internal_error", text, permit.dialect)))

    def response(self, flow: http.HTTPFlow) -> None:
        """What was held back had no body: now it has ours. What was held has been read."""
        if flow.response and is_held(flow.response):
            self._explain(flow, flow.response)
        if flow.metadata.get(_HELD) == "whole" and flow.response and not flow.response.raw_content:
            flow.response.raw_content = flow.metadata["mitmvault_answer"].encode()

    def _explain(self, flow: http.HTTPFlow, response: http.Response) -> None:
        """Say what to change, beside an error of the gateway's own. Its body stays as it is."""
        try:
            coding = response.headers.get("content-encoding", "").strip().lower()
            found = gateway_errors.hint(decode(response.raw_content or b"", coding, 4 * gateway_errors.HELD))
        except Refusal:
            return  # in a coding that we do not read
        if found:
            response.headers["x-mitmvault-hint"] = found
            flow.comment += f" · {found}"

    def error(self, flow: http.HTTPFlow) -> None:
        """mitmproxy's text may quote an answer that it could not read."""
        if flow.error:
            flow.error.msg = echo.mask_text(flow.request, flow.error.msg)
        if flow.response:
            echo.mask_head(flow.request, flow.response)


def _hold(permit: Permit, response: http.Response) -> None:
    """Wait for the body of what may be an error of the gateway's own: its hint goes into the head."""
    headers, filter_ = response.headers, response.stream
    wanted = gateway_errors.is_wanted(
        response.status_code, headers.get("content-type", ""), headers.get("content-length")
    )
    if wanted and permit.target.mode != "direct" and callable(filter_):
        response.stream = False
        hold(response, Hold(gateway_errors.HELD, filter_))


def _hold_back(flow: http.HTTPFlow, response: http.Response, ours: Answer) -> None:
    """Send our answer in place of the provider's, without waiting for the end of theirs."""
    flow.metadata[_HELD] = "whole"
    flow.metadata["mitmvault_answer"] = ours.body.decode()
    response.status_code, response.reason = ours.status, ""
    response.headers = http.Headers([(name.encode(), value.encode()) for name, value in ours.headers])
    response.headers["connection"] = "close"
    response.headers.update(dict(flow.metadata.get("mitmvault_cors", ())))
    response.stream = _once(flow, ours.body)


def _once(flow: http.HTTPFlow, body: bytes) -> Callable[[bytes], list[bytes]]:
    left = [body]

    def stream(_: bytes) -> list[bytes]:
        flow.metadata[_HELD] = "streamed"
        return [left.pop()] if left else []

    return stream


def _leads_away(permit: Permit, response: http.Response) -> bool:
    """Is this a redirect to another origin than the provider's? One to its own origin is made relative."""
    if not 300 <= response.status_code < 400:
        return False
    origin = f"{permit.target.scheme}://{permit.target.authority}"
    locations = [
        location.removeprefix(origin) if location == origin or location.startswith(origin + "/") else location
        for location in response.headers.get_all("location")
    ]
    if len(locations) > 1 or not all(_RELATIVE.match(location) for location in locations):
        return True
    response.headers.set_all("location", locations)
    return False

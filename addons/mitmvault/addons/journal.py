"""One line for every request, in words: who, where to, which model, which key, what came of it."""

from __future__ import annotations

import logging

from mitmproxy import http
from mitmproxy.log import ALERT

from mitmvault.core.printable import printable
from mitmvault.wire import permits

MAX_PART = 1000  # characters of what clients name: a model, a path

logger = logging.getLogger(__name__)


class Journal:
    """Writes the story line when a request has ended, on success, refusal, error and client abort."""

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.response:
            self._write(flow, str(flow.response.status_code))

    def error(self, flow: http.HTTPFlow) -> None:
        self._write(flow, flow.error.msg if flow.error else "error")

    def _write(self, flow: http.HTTPFlow, outcome: str) -> None:
        permit = permits.of(flow.request)
        if permit is None and "mitmvault_refusal" not in flow.metadata:
            return  # our own pages: health checks would fill the log
        if permit:
            flow.marked = ":white_check_mark:" if outcome.startswith("2") or outcome == "101" else ":warning:"
        begun, ended = flow.request.timestamp_start, (flow.response and flow.response.timestamp_end) or None
        took = f" · {1000 * (ended - begun):.0f} ms" if ended else ""
        what = f"{flow.request.method} {flow.request.path.partition('?')[0]}"
        parts = (printable(part, MAX_PART) for part in (flow.comment, what, outcome))
        logger.log(ALERT, "%s · %s · %s%s", *parts, took)

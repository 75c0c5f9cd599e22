"""One line for every request, in words: who, where to, which model, which key, what came of it. (core/story.py)

The line is the flow's comment and stands in the log; the flow's mark tells the outcome at a glance.
"""

from __future__ import annotations

import logging

from mitmproxy import http
from mitmproxy.log import ALERT

from mitmvault.addons.attempts import ATTEMPTS
from mitmvault.addons.rows import USAGE
from mitmvault.core import story
from mitmvault.core.formats.printable import printable
from mitmvault.core.records.record import counted
from mitmvault.wire import log_format, meter, permits

MAX_PART = 1000  # characters of what clients name: a model, a path

logger = logging.getLogger(__name__)


class Journal:
    """Writes the story line when a request has ended, on success, refusal, error and client abort. (endings.py)"""

    def ended(self, flow: http.HTTPFlow, _: float) -> None:
        """A request has come to its end."""
        if flow.error:
            self._write(flow, flow.error.msg)
        elif flow.response and not meter.of(flow.request).aborted:
            self._write(flow, str(flow.response.status_code))
        else:
            self._write(flow, "cut off")

    def _finish(self, flow: http.HTTPFlow) -> None:
        """The end of the line, and the mark. mitmproxy draws a flow anew after every event."""
        told = flow.metadata
        found = counted(told.get(USAGE))
        flow.comment += story.counts(found.tokens_in, found.tokens_out, found.tokens_source, found.cost)
        held, response = bool(told.get("mitmvault_held")), flow.response
        came = story.outcome(
            response.status_code if response and not flow.error else None,
            permitted=True,
            held=held,
            aborted=meter.of(flow.request).aborted,
            attempts=len(told.get(ATTEMPTS, ())),
        )
        flow.marked = story.MARKS[came]

    def _write(self, flow: http.HTTPFlow, outcome: str) -> None:
        permit = permits.of(flow.request)
        if permit is None and "mitmvault_refusal" not in flow.metadata:
            return  # our own pages: health checks would fill the log
        if permit:
            self._finish(flow)
        if log_format.is_json():
            return  # request_log.py writes it, when the row is made
        begun, ended = flow.request.timestamp_start, (flow.response and flow.response.timestamp_end) or None
        took = f" · {1000 * (ended - begun):.0f} ms" if ended else ""
        what = f"{flow.request.method} {flow.request.path.partition('?')[0]}"
        parts = (printable(part, MAX_PART) for part in (flow.comment, what, outcome))
        logger.log(ALERT, "%s · %s · %s%s", *parts, took)

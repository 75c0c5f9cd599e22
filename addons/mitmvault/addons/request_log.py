"""With `log_format: json`, one line for every finished request, in place of the journal's."""

from __future__ import annotations

import logging

from mitmproxy import http
from mitmproxy.log import ALERT

from mitmvault.addons.endings import Endings
from mitmvault.core.formats.printable import printable
from mitmvault.core.records.log_line import fields
from mitmvault.core.records.record import Record, text
from mitmvault.wire import log_format

MAX_STORY = 1000  # characters

logger = logging.getLogger(__name__)


class RequestLog:
    """Reads the rows."""

    def __init__(self, endings: Endings) -> None:
        endings.readers.append(self.ended)

    def ended(self, flow: http.HTTPFlow, row: Record) -> None:
        """A request has come to its end."""
        if log_format.is_json():
            valid = row.reason != "bad_request"  # else nobody has looked at what stands in it
            path = text(flow.request.path.partition("?")[0]) if valid else None
            story = printable(flow.comment, MAX_STORY)
            logger.log(ALERT, "%s", story, extra={log_format.FIELDS: fields(row, path)})

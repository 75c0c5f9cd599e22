"""The form of what mitmproxy's log writes to the terminal: text for people, or JSON for machines.

How: the handler of mitmproxy's TermLog gets another formatter (11.0.2 and 12.2.3); mitmweb's event log stays as it is.
"""

from __future__ import annotations

import logging

from mitmproxy import log
from mitmproxy.addons.termlog import TermLogHandler
from mitmproxy.utils import human

from mitmvault.core.records.log_line import line

FIELDS = "mitmvault"  # the attribute of a log record that holds more fields: logger.info(…, extra={FIELDS: {…}})
_json = False


def is_json() -> bool:
    """Is JSON written?"""
    return _json


def choose(form: str) -> None:
    """From now on, write `text` or `json`."""
    global _json
    _json = form == "json"
    for handler in logging.getLogger().handlers:
        if isinstance(handler, TermLogHandler) and isinstance(handler.formatter, JsonFormatter) != _json:
            handler.setFormatter(JsonFormatter() if _json else log.MitmFormatter(handler.has_vt_codes))


class JsonFormatter(logging.Formatter):
    """A log record as a line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        more = dict(getattr(record, FIELDS, {}))
        if client := getattr(record, "client", None):
            more["client"] = human.format_address(client)
        if record.exc_info:
            more["exception"] = self.formatException(record.exc_info)
        level = "info" if record.levelno == log.ALERT else record.levelname.lower()
        return line(record.created, level, record.name, record.getMessage(), more)

"""Libraries that log headers as they are, keys and tokens included, at debug level: told to be quiet.

hpack 4.x logs every header field it codes. mitmproxy's own command lines silence it, an embedding of mitmproxy does
not, and a level can be set again by anybody: hence filters too.
"""

from __future__ import annotations

import logging

TALKATIVE = ("hpack", "hpack.hpack", "hpack.table", "h2", "h11", "wsproto", "tornado.access", "aioquic", "quic")


def install() -> None:
    """Drop what these loggers say below WARNING."""
    for name in TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        if _quiet not in logger.filters:
            logger.addFilter(_quiet)


def _quiet(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING

"""Libraries that log headers as they are, keys and tokens included, at debug level: told to be quiet.

hpack 4.x logs every header field it codes. mitmproxy's own command lines silence it, an embedding of mitmproxy does
not, and a level can be set again by anybody: hence filters too.
"""

from __future__ import annotations

import logging
import re

TALKATIVE = (
    "hpack",
    "hpack.hpack",
    "hpack.table",
    "h2",
    "h11",
    "wsproto",
    "tornado.access",
    "tornado.general",
    "aioquic",
    "quic",
    "botocore.auth",  # what is signed, session tokens included
    "botocore.credentials",
    "google.auth",
    "google.oauth2",
)


# What mitmproxy, h2 and h11 say of a bad request, or of bytes after an answer, ends in a quotation of it.
_QUOTING = re.compile(
    r"((?:HTTP/[0-9.]+ |h2 )?protocol error|Unexpected data from server|Received (?:a |an )?(?:invalid |header)?\w*).*",
    re.I | re.S,
)


def unquoted(text: str) -> str:
    """A message of mitmproxy about a request or an answer, without what it quotes of it."""
    return _QUOTING.sub(r"\1", text)


def install() -> None:
    """Drop what these loggers say below WARNING, and quotations of requests and answers."""
    server = logging.getLogger("mitmproxy.proxy.server")
    if _unquote not in server.filters:
        server.addFilter(_unquote)
    for name in TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        if _quiet not in logger.filters:
            logger.addFilter(_quiet)


def _unquote(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    if _QUOTING.search(message):
        record.msg, record.args = unquoted(message), ()
    return True


def _quiet(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING

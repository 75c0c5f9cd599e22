"""Whom we trust for providers: the usual authorities, and an operator's own beside them, not instead."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi

from mitmvault.home import files
from mitmvault.home.layout import Home, HomeError

NAME = "upstream-roots.pem"


def bundle(home: Home, extra: str) -> Path:
    """Write one PEM file with the usual authorities and those of `extra` (relative to the home), and return its path.

    mitmproxy takes one file or its default, not both. Raises HomeError when `extra` holds no certificates.
    """
    source = home.path / Path(extra).expanduser()
    try:
        own = source.read_text("ascii")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=own)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError, UnicodeDecodeError a ValueError
        reason = (
            error.strerror
            if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.strerror
            else "it holds no PEM certificates"
        )
        raise HomeError(f"upstream_ca {source} cannot be used: {reason}") from None
    target = home.path / NAME
    files.write_atomic(target, (Path(certifi.where()).read_text("ascii") + "\n" + own).encode(), keep_previous=False)
    return target

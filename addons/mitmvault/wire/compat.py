"""Where mitmproxy 11.0.2 and 12.x differ for this ring."""

from __future__ import annotations

from typing import Any

from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers.http import ResponseProtocolError

_CODES = getattr(layers, "ErrorCode", None)  # 12.x: an enum, mandatory; 11.x: an int


def server_error(stream_id: int, message: str) -> ResponseProtocolError:
    """An error that mitmproxy takes for the upstream server's."""
    return ResponseProtocolError(stream_id, message, _CODES.GENERIC_SERVER_ERROR if _CODES else 502)  # type: ignore


def status_of(code: Any) -> int | None:
    """The HTTP status that goes with an error code; None when nothing is to be sent."""
    status = code.http_status_code() if _CODES else int(code)
    return None if status in (None, 204) else status  # 11.x: NO_RESPONSE is 204 and means a killed flow

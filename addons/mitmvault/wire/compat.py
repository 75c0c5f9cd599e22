"""Where mitmproxy 11.0.2 and 12.x differ for this ring."""

from __future__ import annotations

from typing import Any

from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers.http import RequestProtocolError, ResponseProtocolError

_CODES = getattr(layers, "ErrorCode", None)  # 12.x: an enum, mandatory; 11.x: an int


def server_error(stream_id: int, message: str) -> ResponseProtocolError:
    """An error that mitmproxy takes for the upstream server's."""
    return ResponseProtocolError(stream_id, message, _CODES.GENERIC_SERVER_ERROR if _CODES else 502)  # type: ignore


def connect_failed(stream_id: int, message: str) -> ResponseProtocolError:
    """What mitmproxy tells a stream whose server cannot be reached."""
    return ResponseProtocolError(stream_id, message, _CODES.CONNECT_FAILED if _CODES else 502)  # type: ignore


def cancelled(stream_id: int) -> RequestProtocolError:
    """For the upstream side: nobody waits for this answer any more. Closes an HTTP/1 connection, resets a stream."""
    return RequestProtocolError(stream_id, "not needed any more", _CODES.CANCEL if _CODES else 499)  # type: ignore


def status_of(code: Any) -> int | None:
    """The HTTP status that goes with an error code; None when nothing is to be sent."""
    status = code.http_status_code() if _CODES else int(code)
    return None if status in (None, 444) else status  # 11.x: NO_RESPONSE is 444 and means a killed flow

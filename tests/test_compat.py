"""Error codes of mitmproxy 11 (numbers) and 12 (an enum) look the same to us."""

from __future__ import annotations

import pytest
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers.http import RequestProtocolError, ResponseProtocolError

from mitmvault.wire import compat


def test_a_server_error():
    event = compat.server_error(7, "gone")
    assert isinstance(event, ResponseProtocolError) and (event.stream_id, event.message) == (7, "gone")
    assert compat.status_of(event.code) == 502


def test_a_server_that_cannot_be_reached():
    event = compat.connect_failed(7, "no route")
    assert isinstance(event, ResponseProtocolError) and (event.stream_id, event.message) == (7, "no route")
    assert compat.status_of(event.code) == 502


def test_an_answer_that_nobody_waits_for():
    event = compat.cancelled(7)
    assert isinstance(event, RequestProtocolError) and event.stream_id == 7
    assert compat.status_of(event.code) in (None, 499)


@pytest.mark.skipif(not hasattr(layers, "ErrorCode"), reason="mitmproxy 12 has an enum")
@pytest.mark.parametrize(
    ("name", "status"),
    [("KILL", None), ("CLIENT_DISCONNECTED", None), ("CONNECT_FAILED", 502), ("REQUEST_TOO_LARGE", 413),
     ("REQUEST_VALIDATION_FAILED", 400), ("GENERIC_CLIENT_ERROR", 400)],
)  # fmt: skip
def test_statuses_of_12(name, status):
    assert compat.status_of(layers.ErrorCode[name]) == status


@pytest.mark.skipif(hasattr(layers, "ErrorCode"), reason="mitmproxy 11 has numbers")
@pytest.mark.parametrize(("code", "status"), [(444, None), (400, 400), (413, 413), (502, 502)])
def test_statuses_of_11(code, status):
    assert compat.status_of(code) == status

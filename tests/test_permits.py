"""The permit is on the request object itself, and on no copy of it."""

from __future__ import annotations

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from mitmvault.wire import permits

PERMIT = object()


def permitted() -> http.HTTPFlow:
    flow = tflow.tflow()
    permits.attach(flow.request, PERMIT)
    return flow


def test_attach_and_detach():
    request = permitted().request
    assert permits.of(request) is PERMIT
    permits.detach(request)
    permits.detach(request)
    assert permits.of(request) is None


def test_the_newest_is_in_force_and_all_are_remembered():
    request = permitted().request
    newer = object()
    permits.attach(request, newer)
    assert permits.of(request) is newer and permits.given(request) == (PERMIT, newer)
    assert permits.given(request.copy()) == ()


@pytest.mark.parametrize(
    "again",
    [
        lambda flow: flow.copy().request,
        lambda flow: flow.request.copy(),
        lambda flow: http.Request.from_state(flow.request.get_state()),
        lambda flow: http.HTTPFlow.from_state(flow.get_state()).request,
    ],
)
def test_a_copy_has_none(again):
    assert permits.of(again(permitted())) is None


def test_a_backup_has_none():
    flow = permitted()
    flow.backup()
    flow.request.path = "/changed"
    assert "permit" not in repr(flow.get_state())

"""Our own pages: few, JSON, and for anybody."""

from __future__ import annotations

import json

import pytest

from mitmvault import __version__
from mitmvault.local.status import status


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/", "/health"])
def test_pages(method, path):
    reply = status(method, path)
    said = json.loads(reply.body)
    assert reply.status == 200 and said["status"] == "ok" and said["version"] == __version__
    headers = dict(reply.headers)
    assert headers["content-type"] == "application/json" and headers["cache-control"] == "no-store"
    assert headers["content-length"] == str(len(reply.body))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/health"),
        ("DELETE", "/"),
        ("GET", "/healthz"),
        ("GET", "/health/"),
        ("GET", ""),
        ("GET", "/ui/"),
        ("get", "/"),
    ],
)
def test_anything_else_is_for_somebody_else(method, path):
    assert status(method, path) is None

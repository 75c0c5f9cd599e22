"""The engine-neutral view of a request: headers in any case, and what is a WebSocket."""

from __future__ import annotations

import dataclasses

import pytest

from tests.worlds import arrival


def test_values_in_any_case_and_in_order():
    came = arrival("/x", ("X-A", "1"), ("x-a", "2"), ("X-B", ""), ("x-A", "1"))
    assert list(came.values("x-a")) == ["1", "2", "1"]
    assert (came.value("x-a"), came.value("x-b"), came.value("x-c")) == ("1", "", "")


@pytest.mark.parametrize(
    ("method", "upgrade", "expected"),
    [
        ("GET", "websocket", True),
        ("GET", "WebSocket", True),
        ("POST", "websocket", False),
        ("GET", "h2c", False),
        ("GET", "", False),
    ],
)
def test_websocket(method, upgrade, expected):
    assert arrival("/x", ("Upgrade", upgrade), method=method).websocket is expected


def test_every_name_of_the_destination_counts():
    came = arrival("/x", ("host", "b.example"), ("HOST", ""), authority="a.example")
    assert came.authorities == {"a.example", "b.example"}
    assert dataclasses.replace(came, authority="", headers=()).authorities == set()

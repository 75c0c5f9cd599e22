"""The content view "Answer", as mitmproxy shows it."""

from __future__ import annotations

import gzip
import json

import pytest
from mitmproxy import http
from mitmproxy.test import taddons, tflow

from mitmvault.addons.answer_view import NAME, AnswerView
from mitmvault.addons.bodies import CUT
from mitmvault.addons.rows import USAGE
from tests.test_content_view import shown

CHUNK = {"model": "gpt-x", "choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": "stop"}]}
STREAM = b"data: " + json.dumps(CHUNK).encode() + b"\n\ndata: [DONE]\n\n"


@pytest.fixture(autouse=True)
def view():
    with taddons.context():
        AnswerView().load(None)
        yield


def flow_with(body: bytes, **headers: str):
    found = tflow.tflow(resp=True)
    found.response = http.Response.make(200, b"", {name.replace("_", "-"): value for name, value in headers.items()})
    found.response.raw_content = body
    return found


def test_a_stream_is_shown_so_by_itself() -> None:
    flow = flow_with(STREAM, content_type="text/event-stream; charset=utf-8")
    name, text = shown(flow, flow.response, "auto")
    assert name == NAME and text.splitlines()[:2] == ["model     gpt-x", "ended     stop"] and "Hello" in text
    other = flow_with(json.dumps(CHUNK).encode(), content_type="application/json")
    assert shown(other, other.response, "auto")[0] == "JSON" and "Hello" in shown(other, other.response, NAME)[1]


def test_the_count_is_told() -> None:
    flow = flow_with(STREAM, content_type="text/event-stream")
    flow.metadata[USAGE] = {"input": 5, "output": 3, "cached_read": 0, "cached_write": 2, "source": "stated"}
    assert "usage     5 in, 3 out, 2 into a cache (stated)" in shown(flow, flow.response, NAME)[1]


def test_a_coding_that_was_cut_off() -> None:
    whole = gzip.compress(STREAM * 50)
    flow = flow_with(whole[: len(whole) - 9], content_type="text/event-stream", content_encoding="gzip")
    flow.metadata[CUT] = True
    text = shown(flow, flow.response, NAME)[1]
    assert "HelloHello" in text and "cut       the rest was not kept (store_bodies)" in text


@pytest.mark.parametrize("body", [b"<html>", b'{"data": []}', b"data: 5\n\n"])
def test_what_is_none_is_shown_as_it_is(body: bytes) -> None:
    flow = flow_with(body, content_type="text/event-stream")
    text = shown(flow, flow.response, "auto")[1]
    assert text.startswith("(no answer of a model)\n\n") and body.decode().strip() in text

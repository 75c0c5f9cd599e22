"""One object, one line, whatever is in it."""

from __future__ import annotations

import json

import pytest

from mitmvault.core.records.log_line import fields, line
from mitmvault.core.records.record import Record
from tests.test_tally import DONE


def test_a_line():
    assert json.loads(line(1700000000.1234, "info", "a.b", "hi", {"n": 1})) == {
        "time": "2023-11-14T22:13:20.123Z", "level": "info", "logger": "a.b", "message": "hi", "n": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["a\nb", "a\r\nb", "\x1b[31m", "\u2028\u0085", "☃ →", '"}\n{"level": "forged"', "\udc80\ud800"]
)
def test_no_text_breaks_it(text):
    told = line(1.0, "info", "x", text, {"session": text})
    assert len(told.splitlines()) == 1 and told.isascii() and json.loads(told)["session"] == text


def test_a_request_has_what_its_row_knows():
    told = fields(DONE._replace(flow="f-1"), "/v1/x")
    assert (told["event"], told["id"], told["path"], told["user"], told["cost"]) == (
        "request",
        "f-1",
        "/v1/x",
        "alice",
        0.25,
    )
    assert "flow" not in told and "reason" not in told and told["aborted"] is False
    assert fields(Record(1.0), "/")["bytes_out"] == 0

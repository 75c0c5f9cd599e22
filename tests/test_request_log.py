"""One line of JSON in place of the journal's, and only where JSON is wanted."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from mitmproxy.test import tflow

from mitmvault.addons.journal import Journal
from mitmvault.addons.request_log import RequestLog
from mitmvault.wire import log_format
from tests.test_rows import permitted
from tests.test_tally import DONE


@pytest.fixture
def log():
    return RequestLog(SimpleNamespace(readers=[]))


@pytest.fixture
def as_json():
    log_format.choose("json")
    yield
    log_format.choose("text")


def test_it_listens():
    endings = SimpleNamespace(readers=[])
    assert endings.readers == [RequestLog(endings).ended]


def test_text_is_the_journals(log, caplog):
    caplog.set_level(logging.INFO)
    log.ended(tflow.tflow(), DONE)
    assert not caplog.records
    Journal().ended(permitted(), 1.0)
    assert len(caplog.records) == 1


def test_json(log, caplog, as_json):
    caplog.set_level(logging.INFO)
    flow = permitted()
    flow.comment, flow.request.path = "alice → groq\nforged", "/v1/x\ny?secret=1"
    Journal().ended(flow, 1.0)
    assert not caplog.records and flow.marked
    flow.comment = "alice → groq\nforged"
    log.ended(flow, DONE)
    (told,) = caplog.records
    found = getattr(told, log_format.FIELDS)
    assert told.getMessage() == "alice → groq\\x0aforged"
    log.ended(flow, DONE._replace(reason="bad_request"))
    assert "path" not in getattr(caplog.records[-1], log_format.FIELDS)
    assert (found["path"], found["user"], found["status"]) == ("/v1/x\\x0ay", "alice", 200)

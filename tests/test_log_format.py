"""The handler of mitmproxy's log writes text or JSON, as it is told."""

from __future__ import annotations

import io
import json
import logging

import pytest
from mitmproxy.addons.termlog import TermLog
from mitmproxy.log import ALERT

from mitmvault.wire import log_format

logger = logging.getLogger("mitmvault.made_up")


@pytest.fixture
def out():
    stream = io.StringIO()
    termlog = TermLog(out=stream)
    termlog.logger.setLevel(logging.INFO)
    termlog.logger._initiated_in_test = None  # else it hears of this phase of the test alone
    before = logger.level
    logger.setLevel(logging.INFO)
    yield stream
    log_format.choose("text")
    termlog.uninstall()
    logger.setLevel(before)


def test_text_and_json(out):
    log_format.choose("text")
    logger.log(ALERT, "as %s", "text")
    log_format.choose("json")
    assert log_format.is_json()
    logger.log(ALERT, "a\n%s", "b", extra={log_format.FIELDS: {"id": "f-1"}, "client": ("192.0.2.1", 5)})
    logger.warning("beware")
    log_format.choose("json")
    log_format.choose("text")
    logger.info("again")
    first, one, two, last = out.getvalue().splitlines()
    assert first.endswith("] as text") and last.endswith("] again") and not log_format.is_json()
    told = json.loads(one)
    assert (told["message"], told["level"], told["id"], told["client"]) == ("a\nb", "info", "f-1", "192.0.2.1:5")
    assert json.loads(two)["level"] == "warning" and json.loads(two)["logger"] == "mitmvault.made_up"


def test_a_failure_is_one_line_too(out):
    log_format.choose("json")
    try:
        raise ValueError("made up")
    except ValueError:
        logger.exception("failed")
    told = json.loads(out.getvalue())
    assert told["message"] == "failed" and told["exception"].endswith("ValueError: made up")


def test_other_handlers_are_left_alone(out):
    other = logging.StreamHandler(io.StringIO())
    logging.getLogger().addHandler(other)
    try:
        log_format.choose("json")
        assert other.formatter is None
    finally:
        logging.getLogger().removeHandler(other)

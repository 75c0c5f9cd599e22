"""Libraries that log headers are quiet below WARNING, whatever level somebody sets."""

from __future__ import annotations

import logging

import pytest

from mitmvault.wire import logs


@pytest.mark.parametrize("name", logs.TALKATIVE)
def test_debug_is_dropped_and_warnings_pass(name, caplog):
    logs.install()
    logs.install()
    logger = logging.getLogger(name)
    assert logger.filters.count(logs._quiet) == 1
    caplog.set_level(logging.DEBUG, logger=name)
    logger.debug("made-up-secret")
    logger.info("made-up-secret")
    logger.warning("told")
    assert "made-up-secret" not in caplog.text
    if logger.propagate:
        assert "told" in caplog.text


def test_hpack_says_nothing_of_a_header(caplog):
    from hpack import Decoder, Encoder

    logs.install()
    caplog.set_level(logging.DEBUG)
    for name in ("hpack", "hpack.hpack", "hpack.table"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    Decoder().decode(Encoder().encode([("authorization", "Bearer made-up-secret")]))
    assert "made-up-secret" not in caplog.text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("HTTP/1 protocol error: Invalid header: made-up-secret", "HTTP/1 protocol error"),
        ("Unexpected data from server: b'made-up\\nsecret'", "Unexpected data from server"),
        ("client connect", "client connect"),
    ],
)
def test_what_quotes_a_request_is_cut_and_still_told(said, shown, caplog):
    logs.install()
    caplog.set_level(logging.DEBUG)
    logging.getLogger("mitmproxy.proxy.server").info("%s", said)
    assert [record.getMessage() for record in caplog.records] == [shown]
    assert logs.unquoted(said) == shown

"""Every request that ends has one row, but for pages of ours; the ledger is as the settings are now."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from mitmproxy.test import tflow

from mitmvault.addons.bookkeeper import STRANGERS, Bookkeeper
from mitmvault.addons.fail_closed import refuse
from mitmvault.core.configuration.settings import Settings
from mitmvault.core.decide import decide
from mitmvault.core.refusal import Refusal
from mitmvault.home.layout import Home
from mitmvault.wire import permits
from tests.books import rows
from tests.test_rows import permitted
from tests.worlds import JSON, arrival, bearer, chat, world

NOW = 1e9


@pytest.fixture
def keeper(tmp_path):
    return SimpleNamespace(home=Home(tmp_path), current=SimpleNamespace(settings=Settings()))


@pytest.fixture
def bookkeeper(keeper):
    made = Bookkeeper(keeper, SimpleNamespace(has=lambda client: False))
    yield made
    made.done()


def test_our_own_pages_are_not_told(bookkeeper, keeper):
    for flow in (tflow.tflow(resp=True), tflow.tflow(err=True)):
        assert bookkeeper.ended(flow, NOW) is None
    bookkeeper.done()
    assert rows(keeper.home.ledger) == []


def test_what_comes_after_the_end_is_written_at_once(bookkeeper, keeper):
    bookkeeper.done()
    bookkeeper.ended(permitted(), NOW)
    assert len(rows(keeper.home.ledger)) == 1 and bookkeeper.writer is None


def test_messages_of_a_websocket(bookkeeper, keeper):
    flow = tflow.twebsocketflow()
    permits.attach(flow.request, decide(world(), arrival("/openai/v1/x", bearer(), JSON), chat()))
    messages, sizes = list(flow.websocket.messages), {True: 0, False: 0}
    for message in messages:
        flow.websocket.messages = [message]
        bookkeeper.websocket_message(flow)
        sizes[message.from_client] += len(message.content)
    bookkeeper.ended(flow, NOW)
    bookkeeper.done()
    (told,) = rows(keeper.home.ledger)
    assert (told.status, told.bytes_in, told.bytes_out) == (101, sizes[True], sizes[False]) and told.bytes_in > 0


def test_days_0(bookkeeper, keeper):
    keeper.current.settings = Settings(ledger_days=0)
    bookkeeper.running()
    bookkeeper.ended(permitted(), NOW)
    assert not keeper.home.ledger.exists()
    keeper.current.settings = Settings(ledger_days=7)  # while running
    bookkeeper.ended(permitted(), NOW)
    keeper.current.settings = Settings(ledger_days=0)
    bookkeeper.ended(permitted(), NOW)
    bookkeeper.done()
    assert len(rows(keeper.home.ledger)) == 1


def test_strangers_do_not_fill_the_disk(bookkeeper, keeper):
    for _ in range(STRANGERS[0] + 50):
        flow = tflow.tflow()
        refuse(flow, Refusal("missing_token", "No."))
        bookkeeper.ended(flow, NOW)
    bookkeeper.ended(permitted(), NOW)  # others are told all the same
    bookkeeper.done()
    assert [row.user for row in rows(keeper.home.ledger)] == [None] * STRANGERS[0] + ["alice"]


def test_before_there_is_a_world(bookkeeper, keeper):
    keeper.current = None
    bookkeeper.running()
    bookkeeper.ended(permitted(), NOW)
    assert not keeper.home.ledger.exists()

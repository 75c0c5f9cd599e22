"""Every request that ends is told of once: to the ledger, and to who listens."""

from __future__ import annotations

import asyncio
import gc
from types import SimpleNamespace

import pytest
from mitmproxy.test import tflow

from mitmvault.addons.bookkeeper import STRANGERS, TOGETHER, Bookkeeper
from mitmvault.addons.fail_closed import refuse
from mitmvault.addons.rows import USAGE, row
from mitmvault.core.configuration.settings import Settings
from mitmvault.core.decide import decide
from mitmvault.core.refusal import Refusal
from mitmvault.home.layout import Home
from mitmvault.wire import permits
from tests.books import rows
from tests.test_rows import COUNTED, permitted
from tests.worlds import JSON, arrival, bearer, chat, world


@pytest.fixture
def keeper(tmp_path):
    return SimpleNamespace(home=Home(tmp_path), current=SimpleNamespace(settings=Settings()))


@pytest.fixture
def bookkeeper(keeper):
    made = Bookkeeper(keeper, SimpleNamespace(has=lambda client: False))
    yield made
    made.done()


def test_a_flow_is_told_once(bookkeeper, keeper):
    flow = permitted(err=True)
    for hook in (bookkeeper.requestheaders, bookkeeper.response, bookkeeper.error, bookkeeper.response):
        hook(flow)
    bookkeeper.done()
    assert len(rows(keeper.home.ledger)) == 1


def test_our_own_pages_are_not_told(bookkeeper, keeper):
    for flow in (tflow.tflow(resp=True), tflow.tflow(err=True)):
        bookkeeper.requestheaders(flow)
        (bookkeeper.error if flow.error else bookkeeper.response)(flow)
    bookkeeper.done()
    assert rows(keeper.home.ledger) == []


def test_what_is_under_way_at_the_end_is_told_as_cut_off(bookkeeper, keeper):
    flow = permitted()
    bookkeeper.requestheaders(flow)
    bookkeeper.done()
    (told,) = rows(keeper.home.ledger)
    assert told.aborted and told.provider == "openai"


def test_what_comes_after_the_end_is_written_at_once(bookkeeper, keeper):
    bookkeeper.done()
    bookkeeper.requestheaders(flow := permitted())
    bookkeeper.response(flow)
    assert len(rows(keeper.home.ledger)) == 1 and bookkeeper.writer is None


def test_flows_that_nobody_ends_are_not_kept(bookkeeper):
    bookkeeper.requestheaders(permitted())
    gc.collect()
    assert not bookkeeper._open
    kept = permitted()
    bookkeeper.requestheaders(kept)
    assert bookkeeper.under_way() == [kept] and len(bookkeeper._open) == 1


def test_a_websocket_is_told_at_its_end(bookkeeper, keeper):
    flow = tflow.twebsocketflow()
    permits.attach(flow.request, decide(world(), arrival("/openai/v1/x", bearer(), JSON), chat()))
    bookkeeper.requestheaders(flow)
    bookkeeper.response(flow)
    messages, sizes = list(flow.websocket.messages), {True: 0, False: 0}
    for message in messages:
        flow.websocket.messages = [message]
        bookkeeper.websocket_message(flow)
        sizes[message.from_client] += len(message.content)
    bookkeeper.websocket_end(flow)
    bookkeeper.done()
    (told,) = rows(keeper.home.ledger)
    assert (told.status, told.bytes_in, told.bytes_out) == (101, sizes[True], sizes[False]) and told.bytes_in > 0


def test_days_0(bookkeeper, keeper):
    keeper.current.settings = Settings(ledger_days=0)
    bookkeeper.running()
    bookkeeper.response(permitted())
    assert not keeper.home.ledger.exists()
    keeper.current.settings = Settings(ledger_days=7)  # while running
    bookkeeper.response(permitted())
    keeper.current.settings = Settings(ledger_days=0)
    bookkeeper.response(permitted())
    bookkeeper.done()
    assert len(rows(keeper.home.ledger)) == 1


def test_listeners_hear_of_every_end(bookkeeper, keeper, caplog):
    heard = []
    bookkeeper.listeners += [lambda flow, told: 1 / 0, lambda flow, told: heard.append((flow.id, told.provider))]
    keeper.current.settings = Settings(ledger_days=0)  # with a ledger or without
    flow = permitted()
    bookkeeper.requestheaders(flow)
    assert bookkeeper.under_way() == [flow]
    bookkeeper.response(flow)
    bookkeeper.response(tflow.tflow(resp=True))  # a page of ours
    assert heard == [(flow.id, "openai")] and bookkeeper.under_way() == []
    assert "failed: ZeroDivisionError" in caplog.text


def test_strangers_do_not_fill_the_disk(bookkeeper, keeper):
    for _ in range(STRANGERS[0] + 50):
        flow = tflow.tflow()
        refuse(flow, Refusal("missing_token", "No."))
        bookkeeper.response(flow)
    bookkeeper.response(permitted())  # others are told all the same
    bookkeeper.done()
    assert [row.user for row in rows(keeper.home.ledger)] == [None] * STRANGERS[0] + ["alice"]


def test_before_there_is_a_world(bookkeeper, keeper):
    keeper.current = None
    bookkeeper.running()
    bookkeeper.response(permitted())
    assert not keeper.home.ledger.exists()


def test_a_failure_here_reaches_no_request(bookkeeper, caplog):
    flow = permitted()
    flow.metadata = None
    for hook in (bookkeeper.requestheaders, bookkeeper.response, bookkeeper.websocket_end, bookkeeper.error):
        hook(flow)
    assert "Bookkeeper.response failed" in caplog.text


def test_a_replay_begins_without_the_count_of_its_first_life(bookkeeper):
    flow = permitted()
    flow.metadata[USAGE], flow.is_replay = COUNTED, "request"
    bookkeeper.requestheaders(flow)
    assert USAGE not in flow.metadata


def test_rows_are_made_some_together(bookkeeper):
    """The first few wait for SOON, or for company; whoever asks does not wait."""

    async def main():
        heard = []
        bookkeeper.listeners.append(lambda flow, told: heard.append(told.flow))
        flows = [permitted() for _ in range(TOGETHER + 2)]
        for flow in flows[:-2]:
            assert not heard
            bookkeeper.response(flow)
        assert heard == [flow.id for flow in flows[:-2]]  # enough of them
        bookkeeper.response(flows[-2])
        assert len(heard) == TOGETHER
        bookkeeper.settle()
        assert len(heard) == TOGETHER + 1
        bookkeeper.response(flows[-1])
        came = asyncio.get_running_loop().create_future()
        bookkeeper.listeners.append(lambda flow, told: came.set_result(True))
        assert await came  # by itself
        assert heard == [flow.id for flow in flows]

    asyncio.run(main())


def test_a_row_that_fails_takes_no_other_along(bookkeeper, keeper, monkeypatch, caplog):
    rows_made = iter([ValueError("planted"), None])

    def fail_once(flow, way, now):
        if error := next(rows_made):
            raise error
        return row(flow, way, now)

    async def main():
        monkeypatch.setattr("mitmvault.addons.bookkeeper.row", fail_once)
        for flow in (permitted(), permitted()):
            bookkeeper.response(flow)
        bookkeeper.settle()

    asyncio.run(main())
    bookkeeper.done()
    assert len(rows(keeper.home.ledger)) == 1 and "ValueError" in caplog.text and "planted" not in caplog.text

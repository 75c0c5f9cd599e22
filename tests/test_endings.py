"""Every request that ends is told of once: to the listeners, to the books, to who reads the row."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from mitmproxy.addons.dumper import Dumper
from mitmproxy.addons.save import Save
from mitmproxy.addons.view import View
from mitmproxy.test import taddons, tflow

from mitmvault.addons.bookkeeper import Bookkeeper
from mitmvault.addons.endings import TOGETHER, Endings, looked_at
from mitmvault.core.configuration.settings import Settings
from mitmvault.home.layout import Home
from mitmvault.wire import meter
from tests.books import rows
from tests.test_rows import permitted


class Heard:
    """What was told of, in this order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.endings = Endings(self.listener, books=self.books)
        self.endings.readers.append(lambda flow, row: self.told.append((f"row {row}", flow.id)))

    def listener(self, flow, now):
        assert now > 1.7e9
        self.told.append(("end", flow.id))

    def books(self, flow, now):
        return None if flow.request.path == "/page" else f"of {now > 1.7e9}"

    @property
    def ends(self) -> list[str]:
        return [flow for what, flow in self.told if what == "end"]


@pytest.fixture
def heard():
    return Heard()


@pytest.mark.parametrize("hook", ["response", "error", "websocket_end"])
def test_an_end_is_told_once(heard, hook):
    flow = permitted(err=True)
    heard.endings.requestheaders(flow)
    assert heard.endings.under_way() == [flow]
    for name in (hook, "error", "response", "websocket_end"):
        getattr(heard.endings, name)(flow)
    heard.endings.done()
    assert heard.told == [("end", flow.id), ("row of True", flow.id)] and heard.endings.under_way() == []


def test_a_page_of_ours_has_no_row(heard):
    flow = tflow.tflow(resp=True)
    flow.request.path = "/page"
    heard.endings.response(flow)
    assert heard.told == [("end", flow.id)]


def test_a_websocket_has_only_begun_with_its_answer(heard):
    flow = tflow.twebsocketflow()
    heard.endings.requestheaders(flow)
    heard.endings.response(flow)
    assert heard.ends == [] and heard.endings.under_way() == [flow]
    heard.endings.websocket_end(flow)
    assert heard.ends == [flow.id]


def test_what_is_under_way_when_we_stop_is_cut_off(heard):
    flow = permitted()
    heard.endings.requestheaders(flow)
    heard.endings.done()
    assert heard.ends == [flow.id] and meter.of(flow.request).aborted


def test_flows_that_nobody_ends_are_not_kept(heard):
    heard.endings.requestheaders(permitted())
    gc.collect()
    assert heard.endings.under_way() == []


@pytest.mark.parametrize("broken", ["listener", "books", "reader"])
def test_a_failure_takes_nothing_else_along(heard, caplog, broken):
    def fail(*_):
        raise ValueError("planted")

    if broken == "listener":
        heard.endings.listeners = (fail, *heard.endings.listeners)
    elif broken == "books":
        heard.endings.books = fail
    else:
        heard.endings.readers.insert(0, fail)
    flow = permitted()
    heard.endings.response(flow)
    assert ("row of True", flow.id) in heard.told or broken == "books"
    assert heard.ends == [flow.id] and "failed: ValueError" in caplog.text and "planted" not in caplog.text


def test_a_failure_reaches_no_request(heard, caplog):
    heard.endings._open = None
    for hook in ("requestheaders", "response", "error", "websocket_end"):
        getattr(heard.endings, hook)(permitted())
    assert caplog.text.count("failed: ") == 4 and "Endings.response failed" in caplog.text


class TestTogether:
    """Where nobody looks at flows."""

    def test_enough_of_them_or_soon_or_when_somebody_asks(self, heard):
        async def main():
            with taddons.context(heard.endings):
                heard.endings.running()
            flows = [permitted() for _ in range(TOGETHER + 2)]
            for flow in flows[:-2]:
                heard.endings.response(flow)
            assert not heard.told  # the last one's last byte goes first
            await asyncio.sleep(0)
            assert heard.ends == [flow.id for flow in flows[:-2]]
            assert [what for what, _ in heard.told] == ["end"] * TOGETHER + ["row of True"] * TOGETHER
            heard.endings.response(flows[-2])
            assert len(heard.ends) == TOGETHER
            heard.endings.settle()
            assert len(heard.ends) == TOGETHER + 1
            heard.endings.response(flows[-1])
            came = asyncio.get_running_loop().create_future()
            heard.endings.readers.append(lambda flow, row: came.set_result(True))
            assert await came  # by itself
            assert heard.ends == [flow.id for flow in flows]

        asyncio.run(main())

    def test_what_is_replayed_has_ended_before(self, heard):
        async def main():
            with taddons.context(heard.endings):
                heard.endings.running()
            flow = permitted()
            heard.endings.response(flow)
            flow.is_replay = "request"
            assert not heard.told
            heard.endings.requestheaders(flow)
            assert heard.ends == [flow.id] and heard.endings.under_way() == [flow]

        asyncio.run(main())

    def test_what_ends_after_we_have_stopped_is_told_and_written_at_once(self, tmp_path):
        keeper = SimpleNamespace(home=Home(tmp_path), current=SimpleNamespace(settings=Settings()))
        books = Bookkeeper(keeper, SimpleNamespace(has=lambda client: False))
        endings = Endings(books=books.ended)
        with taddons.context(endings):
            endings.running()
        for addon in (endings, books):
            addon.done()
        endings.response(permitted())
        assert len(rows(keeper.home.ledger)) == 1 and books.writer is None


class TestLookedAt:
    def test_by_nobody(self):
        with taddons.context(Save()):
            assert not looked_at()

    @pytest.mark.parametrize("viewer", [View, Dumper])
    def test_by_a_viewer(self, viewer):
        with taddons.context(viewer()):
            assert looked_at()

    def test_by_somebody_elses_addon(self, heard):
        with taddons.context(heard):
            assert looked_at()

    def test_by_a_file_that_is_written_as_they_end(self, tmp_path, heard):
        with taddons.context(Save(), heard.endings) as context:
            context.configure(heard.endings, save_stream_file=str(tmp_path / "flows"))
            assert looked_at() and heard.endings._together == 1
            context.configure(heard.endings, save_stream_file=None)
            assert not looked_at() and heard.endings._together == TOGETHER

    def test_by_somebody_elses_script(self):
        with taddons.context() as context:
            context.options.add_option("scripts", Sequence[str], [], "")
            context.options.scripts = ["ours.py"]
            assert not looked_at()
            context.options.scripts = ["ours.py", "theirs.py"]
            assert looked_at()

"""Hooks are called as mitmproxy calls them, whatever addons do: each case runs with its own methods and with ours."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace

import pytest
from mitmproxy import ctx, exceptions, hooks
from mitmproxy.addonmanager import AddonManager
from mitmproxy.proxy.layers.http import HttpRequestHook
from mitmproxy.test import taddons, tflow

from mitmvault.wire import dispatch

CHANGED = ("trigger_event", "trigger", *dispatch._CHANGING)


@pytest.fixture(params=["mitmproxy's", "ours"])
def heard(request, monkeypatch):
    """What was called, in order."""
    for name in CHANGED:  # another test of this process may have installed it
        monkeypatch.setattr(AddonManager, name, STOCK[name])
    if request.param == "ours":
        dispatch.install()
        dispatch.install()  # once is enough
        assert AddonManager.trigger_event is dispatch.trigger_event
    return []


def _stock():
    found = {name: getattr(AddonManager, name) for name in CHANGED}
    if found["trigger_event"] is not dispatch.trigger_event:
        return found
    inner = {name: found[name].__closure__[0].cell_contents for name in dispatch._CHANGING}
    return {**dispatch._STOCK, **inner}


STOCK = _stock()


class Hears:
    def __init__(self, name, heard, raises=None):
        self.name, self.heard, self.raises = name, heard, raises

    def request(self, flow):
        self.heard.append(self.name)
        if self.raises:
            raise self.raises

    def update(self, flows):
        self.heard.append(f"{self.name} updated")


class Awaits(Hears):
    async def request(self, flow):
        await asyncio.sleep(0)
        super().request(flow)


class Brings(Hears):
    def __init__(self, name, heard, *addons):
        super().__init__(name, heard)
        self.addons = list(addons)


class Deaf:
    name = "deaf"
    request = None
    update = logging  # a module that was imported under this name


def play(addons, change=lambda manager: None):
    """Two requests, with a change in between."""

    async def main():
        with taddons.context(*addons) as context:
            manager = context.master.addons
            for between in (change, lambda manager: None):
                await manager.handle_lifecycle(asked())
                between(manager)

    asyncio.run(main())


def asked():
    return HttpRequestHook(tflow.tflow())


def test_order_and_updates(heard):
    play([Hears("a", heard), Deaf(), Awaits("b", heard)])
    assert heard == ["a", "b", "a updated", "b updated"] * 2


def test_those_that_an_addon_brings_along(heard):
    play([Brings("a", heard, Hears("a1", heard), Brings("a2", heard, Awaits("a3", heard))), Hears("b", heard)])
    assert heard[:5] == ["a", "a1", "a2", "a3", "b"]


def test_an_error_ends_its_group_and_is_logged(heard, caplog):
    play([Brings("a", heard, Hears("a1", heard, ValueError("planted")), Hears("a2", heard)), Awaits("b", heard)])
    assert [name for name in heard if " " not in name] == ["a", "a1", "b"] * 2
    assert [record.getMessage() for record in caplog.records] == ["Addon error: planted"] * 2
    assert caplog.records[0].exc_info[0] is ValueError


def test_halt_ends_everything(heard):
    play([Awaits("a", heard, exceptions.AddonHalt()), Hears("b", heard)])
    assert [name for name in heard if " " not in name] == ["a", "a"]


def test_errors_of_options_come_out(heard):
    with pytest.raises(exceptions.OptionsError):
        play([Hears("a", heard, exceptions.OptionsError("planted"))])


def test_what_is_no_hook_is_reported(heard, caplog):
    play([SimpleNamespace(name="odd", request=5), Hears("b", heard)])
    assert heard == ["b", "b updated"] * 2
    assert "not callable" in caplog.text


@pytest.mark.parametrize(
    ("change", "then"),
    [
        (lambda manager, heard: manager.add(Hears("c", heard)), ["a", "b", "c"]),
        (lambda manager, heard: manager.remove(manager.get("a")), ["b"]),
        (lambda manager, heard: manager.clear(), []),
        (lambda manager, heard: setattr(manager, "chain", [manager.get("b")]), ["b"]),
        (lambda manager, heard: setattr(manager.get("a"), "request", lambda flow: heard.append("x")), ["x", "b"]),
        (lambda manager, heard: setattr(manager.get("a"), "request", None), ["b"]),
    ],
    ids=["add", "remove", "clear", "another chain", "replaced", "taken away"],
)
def test_addons_come_and_go(heard, change, then):
    play([Hears("a", heard), Hears("b", heard)], lambda manager: change(manager, heard))
    second = [name for name in heard if " " not in name][2:]
    assert second == then


def test_a_script_that_is_loaded_again(heard):
    """As mitmproxy's script loader does it: what it has brought along is removed, and something else registered."""
    top = Brings("a", heard, Hears("old", heard))

    def again(manager):
        manager.remove(top.addons.pop())
        top.addons.append(manager.register(Hears("new", heard)))

    play([top], again)
    assert [name for name in heard if " " not in name] == ["a", "old", "a", "new"]


def test_addons_that_load_others(heard):
    """Whoever brings others along while it is configured: they are configured, too."""

    class Loads(Brings):
        def configure(self, updated):
            if not self.addons:
                self.addons.append(ctx.master.addons.register(Late("late", self.heard)))

    class Late(Hears):
        def configure(self, updated):
            self.heard.append("configured")

    play([Loads("a", heard)], lambda manager: manager.trigger(hooks.ConfigureHook(set())))
    assert [name for name in heard if " " not in name] == ["a", "configured", "a", "late"]


def test_without_a_loop(heard, caplog):
    with taddons.context(Hears("a", heard), Awaits("b", heard), Hears("c", heard, ValueError("planted"))) as context:
        context.master.addons.trigger(asked())
        context.master.addons.trigger(hooks.UpdateHook([]))
    assert heard == ["a", "c", "a updated", "b updated", "c updated"]
    assert "cannot be called from sync context" in caplog.text and "planted" in caplog.text

"""The questions of the control socket, and the socket in a running loop: answers, refusals, bounds, the end."""

from __future__ import annotations

import asyncio
import json
import os
import stat

import pytest
from mitmproxy.test import taddons

from mitmvault.addons.control import CONNECTIONS, Control
from mitmvault.addons.keeper import Keeper
from mitmvault.addons.presence import Presence
from mitmvault.core.records import control
from mitmvault.core.records.control import ControlError
from mitmvault.home.layout import Home
from tests.worlds import world


def failing():
    raise ZeroDivisionError("a secret")


def unknown(flow: str):
    raise ControlError(f"no {flow}")


@pytest.fixture
def keeper(tmp_path):
    made = Keeper()
    made.home, made._world = Home(tmp_path), world()
    return made


@pytest.mark.parametrize(
    ("line", "name", "words"),
    [
        (b'{"ask":"status"}', "status", {}),
        (b' {"flow":"abc", "ask":"explain"}\r\n', "explain", {"flow": "abc"}),
    ],
)
def test_questions(line, name, words):
    assert control.read_question(line) == control.Question(name, words)
    assert control.read_question(control.question(name, words)) == control.Question(name, words)


@pytest.mark.parametrize(
    "line",
    [b"", b"x", b"[]", b'{"ask":1}', b'{"ask":"status","more":"x"}', b'{"ask":"explain"}', b'{"ask":"shutdown"}',
     b'{"ask":"explain","flow":"' + b"x" * 300 + b'"}', b'{"flow":"x"}', b"[" * 4000],
)  # fmt: skip
def test_no_questions(line):
    with pytest.raises(ControlError):
        control.read_question(line)


def test_answers():
    assert control.read_answer(control.answer({"a": [None]})) == {"a": [None]}
    assert control.read_answer(control.answer(None)) is None
    with pytest.raises(ControlError, match=r"^why$"):
        control.read_answer(control.problem("why"))
    for line in (b"x", b"[]", b"{}"):
        with pytest.raises(ControlError):
            control.read_answer(line)


def test_lines(keeper, caplog):
    addon = Control(keeper, {"status": failing, "explain": unknown})
    assert json.loads(addon.answer(b'{"ask":"explain","flow":"f"}')) == {"error": "no f"}
    assert "log" in json.loads(addon.answer(b'{"ask":"status"}'))["error"]
    assert "ZeroDivisionError" in caplog.text and "a secret" not in caplog.text


def serving(keeper, work, **answers):
    """Run `work(addon)` beside the served socket."""
    addon = Control(keeper, {"status": lambda: {"ok": True}, "explain": unknown} | answers)

    async def main():
        with taddons.context(addon, Presence(keeper, addon)):
            addon.running()
            try:
                return await work(addon)
            finally:
                addon.done()

    return asyncio.run(main())


def test_served(keeper):
    async def work(addon):
        path = addon.path
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        reader, writer = await asyncio.open_unix_connection(path)
        for _ in range(2):  # as many as one likes
            writer.write(control.question("status", {}))
            assert control.read_answer(await reader.readline()) == {"ok": True}
        addon.done()
        assert await reader.read() == b"" and not os.path.exists(path) and addon.path is None
        writer.close()

    serving(keeper, work)


def test_a_line_that_is_too_long_ends_the_connection(keeper):
    async def work(addon):
        reader, writer = await asyncio.open_unix_connection(addon.path)
        writer.write(b"x" * 3 * control.MAX_QUESTION + b"\n")
        assert await reader.read() == b""
        writer.close()

    serving(keeper, work)


def test_too_many_connections(keeper):
    async def work(addon):
        held = [await asyncio.open_unix_connection(addon.path) for _ in range(CONNECTIONS)]
        for reader, writer in held:
            writer.write(control.question("status", {}))
            await reader.readline()
        reader, writer = await asyncio.open_unix_connection(addon.path)
        assert b"too many" in await reader.readline()
        for _, other in (*held, (reader, writer)):
            other.close()

    serving(keeper, work)


def test_a_place_that_is_not_safe_is_told_of(keeper, caplog):
    keeper.home.run.mkdir(mode=0o755)

    async def work(addon):
        assert addon.path is None

    serving(keeper, work)
    assert "chmod 700" in caplog.text


def test_a_proxy_of_somebodys_own_answers_nobody(keeper):
    addon = Control(keeper, {"status": failing, "explain": unknown})
    with taddons.context(addon, Presence(keeper, addon)) as tctx:
        tctx.options.mitmvault_announce = False
        addon.running()
    assert addon.path is None and not keeper.home.run.exists()
    addon.done()

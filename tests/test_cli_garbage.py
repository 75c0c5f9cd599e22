"""What lives at the start is left out of the search for garbage; what comes later is still found."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from mitmvault.cli import garbage


@pytest.fixture(autouse=True)
def as_before():
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


class Cycle:
    def __init__(self) -> None:
        self.me = self


def test_after_a_while(monkeypatch):
    monkeypatch.setattr(garbage, "SETTLED", 0)

    async def scenario():
        garbage.Garbage().mitmvault_ready("http://127.0.0.1:8080", None)
        assert gc.get_threshold()[0] != garbage.THRESHOLD
        for _ in range(3):
            await asyncio.sleep(0)

    asyncio.run(scenario())
    assert gc.get_freeze_count() > 1000 and gc.get_threshold()[0] == garbage.THRESHOLD


def test_later_garbage_is_still_found():
    garbage.settle()
    seen = weakref.ref(Cycle())
    assert seen() is not None
    gc.collect()
    assert seen() is None

"""Background tasks: kept alive, and heard of when they fail."""

from __future__ import annotations

import asyncio

from mitmvault.addons import tasks


def test_a_task_is_kept_until_it_ends():
    async def main():
        gate = asyncio.Event()
        task = tasks.spawn(gate.wait(), "waiting")
        assert task in tasks._tasks and task.get_name() == "waiting"
        gate.set()
        assert await task is True
        await asyncio.sleep(0)
        assert task not in tasks._tasks

    asyncio.run(main())


def test_a_failure_is_told_without_its_text(caplog):
    async def fail():
        raise ValueError("made-up-secret")

    async def main():
        task = tasks.spawn(fail(), "failing")
        await asyncio.wait([task])

    asyncio.run(main())
    assert "failing failed: ValueError" in caplog.text and "made-up-secret" not in caplog.text


def test_a_cancelled_task_is_no_failure(caplog):
    async def main():
        task = tasks.spawn(asyncio.Event().wait(), "cancelled")
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())
    assert caplog.text == "" and not tasks._tasks

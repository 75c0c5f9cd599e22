"""Background tasks whose reference is kept and whose failure is heard of."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from mitmvault.addons.fail_closed import report

_tasks: set[asyncio.Task[Any]] = set()


def spawn(work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
    """Run `work` beside everything else."""
    task = asyncio.create_task(work, name=name)  # noqa: TID251  the one place
    _tasks.add(task)
    task.add_done_callback(_ended)
    return task


def _ended(task: asyncio.Task[Any]) -> None:
    _tasks.discard(task)
    error = None if task.cancelled() else task.exception()
    if isinstance(error, Exception):
        report(task.get_name(), error)

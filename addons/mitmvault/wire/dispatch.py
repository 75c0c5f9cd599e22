"""Which addons have a hook is found out once, not for every event.

mitmproxy asks each of its sixty addons for each of a dozen events of a request whether it has a hook of that name: two
fifths of its CPU time (11.0.2 and 12.2.3). Here the answer is kept until addons come or go.

Rules: 1. The same hooks are called, in the same order, with the same treatment of what they raise: what an addon raises
          ends its own group (a script and what it brings along), is logged, and does not reach the others.
       2. Events at which addons come and go are left to mitmproxy.
       3. A hook is looked up when it is called: one that was replaced or taken away since is not called.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mitmproxy import exceptions, hooks
from mitmproxy.addonmanager import AddonManager, safecall, traverse

_ATTRIBUTE = "_mitmvault_dispatch"
_LIFECYCLE = frozenset({"load", "running", "configure", "done"})  # (2)
_CHANGING = ("register", "remove", "clear")  # methods of AddonManager at which a table ends
Groups = tuple[tuple[Any, ...], ...]


@dataclass(slots=True)
class Table:
    """By the name of a hook: the addons that have it, those of one element of the chain together."""

    chain: list[Any]
    size: int
    groups: dict[str, Groups] = field(default_factory=dict)


def install() -> None:
    """Put the table in place, for every AddonManager; it stays until the process ends."""
    if AddonManager.trigger_event is trigger_event:
        return
    for ours in (trigger_event, trigger):
        _STOCK[ours.__name__] = getattr(AddonManager, ours.__name__)
        setattr(AddonManager, ours.__name__, ours)
    for name in _CHANGING:
        setattr(AddonManager, name, _forgetting(getattr(AddonManager, name)))


_STOCK: dict[str, Callable[..., Any]] = {}


async def trigger_event(manager: AddonManager, event: hooks.Hook) -> None:
    """In place of AddonManager.trigger_event."""
    name = event.name
    if name in _LIFECYCLE:
        await _STOCK["trigger_event"](manager, event)
        return
    arguments = event.args()
    for group in _groups(manager, name):
        try:
            for addon in group:
                result = _hook(addon, name)(*arguments)
                if result is not None and inspect.isawaitable(result):
                    await result
        except exceptions.AddonHalt:
            return
        except Exception:
            with safecall():
                raise


def trigger(manager: AddonManager, event: hooks.Hook) -> None:
    """In place of AddonManager.trigger, where hooks must not be coroutines."""
    name = event.name
    if name in _LIFECYCLE:
        _STOCK["trigger"](manager, event)
        return
    arguments = event.args()
    for group in _groups(manager, name):
        try:
            for addon in group:
                hook = _hook(addon, name)
                if inspect.iscoroutinefunction(hook):
                    text = f"Async handler {name} ({addon}) cannot be called from sync context"
                    raise exceptions.AddonManagerError(text)
                hook(*arguments)
        except exceptions.AddonHalt:
            return
        except Exception:
            with safecall():
                raise


def _groups(manager: AddonManager, name: str) -> Groups:
    table: Table | None = manager.__dict__.get(_ATTRIBUTE)
    if table is None or table.chain is not manager.chain or table.size != len(manager.chain):
        table = Table(manager.chain, len(manager.chain))
        setattr(manager, _ATTRIBUTE, table)
    groups = table.groups.get(name)
    if groups is None:
        found = (tuple(addon for addon in traverse([top]) if _has(addon, name)) for top in table.chain)
        groups = table.groups[name] = tuple(filter(None, found))
    return groups


def _has(addon: Any, name: str) -> bool:
    """Is there a hook? A module that was imported under the name of one, such as `log`, is none."""
    found = getattr(addon, name, None)
    return bool(found) and not inspect.ismodule(found)


def _hook(addon: Any, name: str) -> Callable[..., Any]:
    found = getattr(addon, name, None)
    if not found:
        return _nothing
    if not callable(found):
        raise exceptions.AddonManagerError(f"Addon handler {name} ({addon}) not callable")
    return found  # type: ignore[no-any-return]


def _nothing(*_: Any) -> None:
    """In place of a hook that was taken away."""


def _forgetting(method: Callable[..., Any]) -> Callable[..., Any]:
    def changing(manager: AddonManager, *arguments: Any) -> Any:
        manager.__dict__.pop(_ATTRIBUTE, None)
        try:
            return method(manager, *arguments)
        finally:
            manager.__dict__.pop(_ATTRIBUTE, None)

    return changing

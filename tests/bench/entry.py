"""addons/entry.py with some parts left out, for the scripts beside this one."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

from mitmvault.addons.endings import Endings
from mitmvault.home.resources import entry_script

# What counts: the ledger's bookkeeper, the metrics, the counter of tokens. And those that read its rows, too.
COUNTING = {"Bookkeeper", "Metrics", "Counter"}
LISTENING = {"RequestLog", "Traces", "Observer"}


def without(names: set[str]) -> list[Any]:
    """All addons, made anew, but for those whose classes have these names; nor do those hear of a request's end."""
    spec = spec_from_file_location("mitmvault_entry", entry_script())
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    endings = next(addon for addon in module.addons if isinstance(addon, Endings))
    endings.listeners = tuple(one for one in endings.listeners if _class_of(one) not in names)
    endings.readers = [one for one in endings.readers if _class_of(one) not in names]
    if _class_of(endings.books) in names:
        endings.books = lambda flow, now: None
    return [addon for addon in module.addons if type(addon).__name__ not in names]


def _class_of(method: Any) -> str:
    return type(method.__self__).__name__

"""addons/entry.py with some parts left out, for the scripts beside this one."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

from mitmvault.home.resources import entry_script

# What counts: the ledger's bookkeeper, the metrics, the counter of tokens. And those that listen to the bookkeeper, too.
COUNTING = {"Bookkeeper", "Metrics", "Counter"}
LISTENING = {"RequestLog", "Traces", "Observer"}


def addons() -> list[Any]:
    """All addons, made anew."""
    spec = spec_from_file_location("mitmvault_entry", entry_script())
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.addons)

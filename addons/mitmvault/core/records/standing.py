"""How mitmvault stands at this moment: what is not counted over time but looked up when somebody asks. Pure.

A provider's keys are counted by state; no label of a key and no name of a user is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mitmvault import __version__
from mitmvault.core.configuration.world import World
from mitmvault.core.records.tally import MAX_PROVIDERS, Labels


@dataclass(frozen=True)
class Standing:
    """The answers to what a running proxy alone can tell. `loaded` in seconds since 1970."""

    in_flight: int = 0
    ready: bool = False
    loads: int = 0
    failed_loads: int = 0
    load_ok: bool = True  # is what lies on the disk in force?
    loaded: float = 0.0
    rows_waiting: int = 0
    rows_dropped: int = 0
    ledger_ok: bool = True


def samples(standing: Standing, world: World) -> Iterator[tuple[str, Labels, float]]:
    """Names of core/records/measures.py, labels and values."""
    yield "mitmvault_build_info", (__version__,), 1
    yield "mitmvault_requests_in_flight", (), standing.in_flight
    yield "mitmvault_ready", (), standing.ready
    yield "mitmvault_reloads_total", ("ok",), standing.loads
    yield "mitmvault_reloads_total", ("failed",), standing.failed_loads
    yield "mitmvault_reload_ok", (), standing.load_ok
    yield "mitmvault_reload_timestamp_seconds", (), standing.loaded
    yield "mitmvault_users", (), len(world.users)
    yield "mitmvault_ledger_rows_waiting", (), standing.rows_waiting
    yield "mitmvault_ledger_rows_dropped_total", (), standing.rows_dropped
    yield "mitmvault_ledger_ok", (), standing.ledger_ok
    for name in list(world.vault.providers)[:MAX_PROVIDERS]:
        known = world.providers[name]
        usable, every = len(known.keys), len(known.entry.keys) if known.entry else 0
        yield "mitmvault_keys", (name, "usable"), usable
        yield "mitmvault_keys", (name, "unusable"), every - usable

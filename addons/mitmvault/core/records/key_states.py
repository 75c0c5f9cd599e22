"""How the provider keys fare: who was used how often, which is rate limited, rejected or expired.

Rules: 1. Keys are known by provider and label (`#2 …a1f3`). Of a key itself nothing is kept.
       2. This is a report: it decides nothing. What became of a key's last attempt is the whole of its state.
       3. Of a fixed size: keys that the vault does not have any more are forgotten with the next table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mitmvault.core.answer.attempts import REJECTED_KEY
from mitmvault.core.configuration.world import World

TOO_MANY = 429
RECENT = 60.0  # seconds for which a 429 that names no wait is shown
MOST = 10_000


@dataclass
class _Seen:
    used: int = 0
    status: int | None = None  # of the last attempt; None: no answer came
    at: float = 0.0  # seconds since 1970
    until: float | None = None  # until when the provider wants to be left alone


class KeyStates:
    """What attempts have told about keys."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], _Seen] = {}

    def attempted(self, provider: str, label: str, status: int | None, wait: float | None, now: float) -> None:
        """An attempt with this key has ended; `wait`: the seconds for which its provider asks."""
        if (provider, label) not in self._seen and len(self._seen) >= MOST:
            return
        seen = self._seen.setdefault((provider, label), _Seen())
        seen.used += 1
        seen.status, seen.at = status, now
        seen.until = now + wait if status == TOO_MANY and wait is not None else None

    def table(self, world: World, now: float) -> list[dict[str, Any]]:
        """Every key of the vault, by provider, in the vault's order."""
        found = list(self._rows(world, now))
        kept = {(row["provider"], row["key"]) for row in found}
        self._seen = {name: seen for name, seen in self._seen.items() if name in kept}
        return found

    def _rows(self, world: World, now: float) -> Iterator[dict[str, Any]]:
        for name, provider in world.vault.providers.items():
            usable = {key.number for key in world.providers[name].keys}
            for key in provider.keys:
                seen = self._seen.get((name, key.label), _Seen())
                state = _state(seen, now) if key.number in usable else "expired" if not key.usable else "unusable"
                yield {
                    "provider": name, "key": key.label, "state": state, "used": seen.used, "status": seen.status,
                    "last": seen.at or None, "until": seen.until if state == "limited" else None,
                }  # fmt: skip


def _state(seen: _Seen, now: float) -> str:
    if not seen.used:
        return "unused"
    if seen.status == TOO_MANY and now < (seen.until or seen.at + RECENT):
        return "limited"
    if seen.status in REJECTED_KEY:
        return "rejected"
    return "ok" if seen.status is not None and seen.status < 500 else "failing"

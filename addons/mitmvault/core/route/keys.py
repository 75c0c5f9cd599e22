"""Whose turn it is: strict round-robin over a provider's usable keys.

Rules: 1. Expired keys have no turn.
       2. N requests over K keys give each key N/K turns, however many run at once: one counter, moved once a permit.
       3. The counter lives here and nowhere else; it survives a reload of the vault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import TypeVar

T = TypeVar("T")


class Rotation:
    """One counter a provider. Not thread-safe: the event loop is the only caller."""

    def __init__(self) -> None:
        self._turns: Counter[tuple[str, Hashable]] = Counter()

    def order(self, provider: str, keys: tuple[T, ...], choice: Hashable = None) -> tuple[T, ...]:
        """Take a turn: all keys, beginning with the one whose turn it is.

        `choice` tells whose keys are the client's choice: those turn among themselves and move no other turn.
        """
        start = self._turns[provider, choice] % len(keys) if keys else 0
        self._turns[provider, choice] += 1
        return keys[start:] + keys[:start]

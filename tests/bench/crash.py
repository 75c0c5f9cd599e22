"""Many requests, `kill -9` in the middle, and what the ledger then knows.

Each request carries its number as its session. The rest is sent after a new start on the same home.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.load import Broken, Client, Provider, Target
from tests.bench.subjects import home_at, serving, target_of
from tests.books import integrity, rows

CLIENTS = 8


@dataclass(frozen=True)
class Found:
    """What was found. Times are in seconds before the kill."""

    requests: int
    killed_after: int  # answers
    integrity: str  # of the ledger right after the kill, as SQLite says
    missing: int  # answered requests without a row
    oldest_missing: float  # how long before the kill the oldest of them was answered; 0: none is missing
    twice: int  # requests with more than one row
    after_restart: int  # rows of what was sent to the second process
    sent_after_restart: int

    @property
    def good(self) -> bool:
        """At most the last second is missing, and the ledger goes on."""
        sound = self.integrity == "ok" and self.oldest_missing <= 1 and not self.twice
        return sound and self.after_restart == self.sent_after_restart

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self) | {"good": self.good}


async def crash(path: Path, requests: int, tell: Callable[[int], None]) -> Found:
    """Run it. The kill comes somewhere between 40 % and 60 %."""
    async with Provider() as provider:
        home = home_at(path / "home", provider.port)
        kill_at = int(requests * random.uniform(0.4, 0.6))
        answered: dict[int, float] = {}
        left = iter(range(requests))
        with serving(home) as served:
            served.ready()

            async def work() -> None:
                client = Client(target_of(served))
                try:
                    for number in left:
                        await client.ask(**{"X-Session-ID": f"n{number}"})
                        answered[number] = time.monotonic()
                        tell(len(answered))
                        if len(answered) == kill_at:
                            served.process.send_signal(signal.SIGKILL)
                            served.process.wait()
                except Broken:
                    pass
                finally:
                    client.close()

            await asyncio.gather(*(work() for _ in range(CLIENTS)))
            killed = max(answered.values())
        sound, kept = integrity(home.ledger), [row.session for row in rows(home.ledger)]
        missing = [at for number, at in answered.items() if f"n{number}" not in set(kept)]
        rest = list(left)
        with serving(home) as served:
            served.ready()
            await _send(target_of(served), rest, lambda: tell(kill_at + len(rest)))
            await asyncio.to_thread(served.end, signal.SIGTERM)
        again = [row.session for row in rows(home.ledger)][len(kept) :]
    oldest = max((killed - at for at in missing), default=0.0)
    twice = len(kept) + len(again) - len({*kept, *again})
    return Found(requests, len(answered), sound, len(missing), oldest, twice, len(again), len(rest))


async def _send(target: Target, numbers: list[int], tell: Callable[[], None]) -> None:
    left = iter(numbers)

    async def work() -> None:
        client = Client(target)
        for number in left:
            await client.ask(**{"X-Session-ID": f"n{number}"})
        client.close()

    await asyncio.gather(*(work() for _ in range(CLIENTS)))
    tell()

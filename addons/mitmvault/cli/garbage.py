"""Python's search for garbage, told what lives as long as the process and to come less often.

By default, each full search goes through a quarter of a million objects that mitmproxy, the catalogue and the price
list are made of, and a small one comes every few requests: together some 5 % of the CPU time. What was made by the
start is taken out of it (gc.freeze), and a small search comes after THRESHOLD new objects: flows are let go by their
references, and what is left of them in cycles is a few KB each.
"""

from __future__ import annotations

import asyncio
import gc

SETTLED = 2.0  # seconds after the start; the price list is read in a thread by then
THRESHOLD = 10_000  # objects


class Garbage:
    """An addon for a process of our own."""

    def mitmvault_ready(self, address: str, web: str | None) -> None:
        asyncio.get_running_loop().call_later(SETTLED, settle)


def settle() -> None:
    """What lives now is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(THRESHOLD)

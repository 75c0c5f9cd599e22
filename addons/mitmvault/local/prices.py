"""What an answer cost, in US dollars, by the list of the package `genai-prices`.

Rules: 1. A price that the list does not know is unknown: None, never 0. So is one of which it knows a part alone.
       2. Nothing is asked of anybody: the list is a file of the package, as old as the package.
       3. Nothing is read before the first price is asked for (140 ms); `warm` does that ahead, in a thread of its own.

The package takes tokens as core.usage counts them: the input includes what was read from and written to a cache.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

PACKAGE = "genai_prices"


def cost(prices: str, models: Iterable[str], tokens: Mapping[str, Any]) -> float | None:
    """US dollars for `tokens` (names of core.record) at a provider of the list: for the first model that it knows.

    None: unknown. Does not raise.
    """
    with suppress(Exception):  # whatever the list holds: a request is worth more than its price
        package = importlib.import_module(PACKAGE)
        for model in models if prices else ():
            with suppress(LookupError):
                return _cost(package, prices, model, tokens)
    return None


def warm() -> threading.Thread:
    """Read the list now, beside everything else."""
    thread = threading.Thread(
        target=cost, args=("openai", ("gpt-4o",), {"input": 1, "output": 1}), name="prices", daemon=True
    )
    thread.start()
    return thread


def _cost(package: Any, prices: str, model: str, tokens: Mapping[str, Any]) -> float | None:
    given, answered = tokens.get("input", 0), tokens.get("output", 0)
    usage = package.Usage(
        input_tokens=given,
        cache_read_tokens=tokens.get("cached_read", 0),
        cache_write_tokens=tokens.get("cached_write", 0),
        output_tokens=answered,
    )
    found = package.calc_price(usage, model, provider_id=prices)
    listed = found.model_price
    unknown = (given and listed.input_mtok is None) or (answered and listed.output_mtok is None)
    return None if unknown or "input" not in tokens else float(found.total_price)

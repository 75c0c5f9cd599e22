"""What an answer cost, in US dollars, by the list of the package `genai-prices`.

Rules: 1. A price that the list does not know is unknown: None, never 0. So is one of which it knows a part alone.
       2. Nothing is asked of anybody: the list is a file of the package, as old as the package.
       3. Nothing is read before the first price is asked for (140 ms); `warm` does that ahead, in a thread of its own.
       4. The package takes a tenth of a millisecond for a price, and longer to find that it has none. What it says of a
          model is kept for FRESH seconds: some prices depend on the time of day. Large requests, for which some models
          cost more by the token, are always its own to price.

The package takes tokens as core.answer.usage counts them: the input includes what was read from and written to a cache.
"""

from __future__ import annotations

import importlib
import math
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

PACKAGE = "genai_prices"
FRESH = 60.0  # seconds
SMALL = 100_000  # tokens; no tier of the list begins below
_MAX_KEPT, _MAX_NAME = 4096, 256  # models are what clients and providers name


@dataclass(frozen=True)
class Rates:
    """US dollars for a token of each kind; what is read from a cache or written to it is not in `input`."""

    input: float
    read: float
    write: float
    output: float


# (provider of the list, model) -> until when, and the rates; None: ask the package; False: it does not know the model
_kept: dict[tuple[str, str], tuple[float, Rates | Literal[False] | None]] = {}


def cost(prices: str, models: Iterable[str], tokens: Mapping[str, Any]) -> float | None:
    """US dollars for `tokens` (names of core.record) at a provider of the list: for the first model that it knows.

    None: unknown. Does not raise.
    """
    if not prices:
        return None
    try:
        for model in models:
            rates = _rates(prices, model)
            if rates is not False:
                quick = _quick(rates, tokens) if rates else None
                return _asked(prices, model, tokens) if quick is None else quick
    except Exception:  # whatever the list holds: a request is worth more than its price
        return None
    return None


def warm() -> threading.Thread:
    """Read the list now, beside everything else."""
    thread = threading.Thread(
        target=cost, args=("openai", ("gpt-4o",), {"input": 1, "output": 1}), name="prices", daemon=True
    )
    thread.start()
    return thread


def _rates(prices: str, model: str) -> Rates | Literal[False] | None:
    now = time.monotonic()
    until, rates = _kept.get((prices, model), (0.0, None))
    if until < now:
        try:
            rates = _probed(prices, model)
        except LookupError:
            rates = False
        if len(_kept) >= _MAX_KEPT:
            _kept.clear()
        if len(model) <= _MAX_NAME:
            _kept[prices, model] = now + FRESH, rates
    return rates


def _probed(prices: str, model: str) -> Rates | None:
    """What a token costs, if every one of a small request costs the same. Raises LookupError for an unknown model."""

    def at(input: int, output: int = 0, read: int = 0, write: int = 0) -> float | None:
        tokens = {"input": input, "output": output, "cached_read": read, "cached_write": write}
        return _asked(prices, model, tokens)

    n = SMALL
    found = at(n), at(n, read=n), at(n, write=n), at(0, n)
    if any(price is None for price in found):
        return None
    rates = Rates(*(price / n for price in found if price is not None))
    tries = ((100, 0, 0, 0), (n // 3, 0, 0, 0), (100, 7, 30, 20), (n, n, n // 4, n // 5), (0, 100, 0, 0))
    for given, answered, read, written in tries:
        asked, ours = at(given, answered, read, written), _sum(rates, given, answered, read, written)
        if asked is None or not math.isclose(asked, ours, rel_tol=1e-9, abs_tol=1e-15):
            return None
    return rates


def _sum(rates: Rates, given: int, answered: int, read: int, written: int) -> float:
    fresh = given - read - written
    return fresh * rates.input + read * rates.read + written * rates.write + answered * rates.output


def _quick(rates: Rates, tokens: Mapping[str, Any]) -> float | None:
    """The price of a small request of which everything makes sense; None: the package is to say."""
    given, answered = tokens.get("input"), tokens.get("output", 0)
    read, written = tokens.get("cached_read", 0), tokens.get("cached_write", 0)
    if not type(given) is type(answered) is type(read) is type(written) is int:
        return None
    right = 0 <= given <= SMALL and 0 <= answered <= SMALL and read >= 0 and written >= 0 and read + written <= given
    return _sum(rates, given, answered, read, written) if right else None


def _asked(prices: str, model: str, tokens: Mapping[str, Any]) -> float | None:
    """What the package says. Raises LookupError for an unknown model."""
    package = importlib.import_module(PACKAGE)
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

"""A ledger as a busy week leaves it: several users, providers and models, errors, prices that nobody knows.

The same seed makes the same week. Nothing in it is of a real person.
"""

from __future__ import annotations

import math
import random
import uuid
from pathlib import Path

from mitmvault.core.records.record import Record
from mitmvault.home.sqlite_ledger import SqliteLedger

# user -> how often
USERS = {"alice": 9, "bob": 6, "ci-pipeline": 5, "carol": 3, "data-team@example.com": 2}
# (provider, asked, sent, mode, how often, tokens in, tokens out, dollars per million in and out, milliseconds)
MODELS = (
    ("openai", "gpt-4o-mini", "gpt-4o-mini", "direct", 9, 900, 350, (0.15, 0.6), 1400),
    ("openai", "gpt-4.1", "gpt-4.1", "direct", 4, 2400, 700, (2.0, 8.0), 3900),
    ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5", "direct", 6, 5200, 900, (3.0, 15.0), 5200),
    ("groq", "llama-3.3", "groq/llama-3.3-70b-versatile", "compat", 7, 1100, 420, (0.59, 0.79), 600),
    ("gemini", "gemini-2.5-flash", "gemini-2.5-flash", "direct", 5, 3000, 500, (0.3, 2.5), 1900),
    ("mine", "in-house-13b", "in-house-13b", "direct", 2, 800, 300, None, 2600),
)
FAILURES = (
    (429, None, 5), (500, None, 2), (400, None, 3), (502, "upstream_unreachable", 1), (403, "model_not_allowed", 2),
)  # fmt: skip


def week(now: float, days: float = 7.0, a_day: int = 900, seed: int = 7) -> list[Record]:
    """The rows of some days that end at `now` (seconds since 1970), in order."""
    dice = random.Random(seed)
    count = int(days * a_day)
    moments = sorted(now - 86_400 * days * dice.random() for _ in range(count * 2))
    kept = [
        moment for moment in moments if dice.random() < 0.25 + 0.5 * (1 + math.sin(moment / 86_400 * 2 * math.pi)) / 2
    ]
    return [_request(dice, moment) for moment in kept[-count:]]


def write(path: Path, rows: list[Record]) -> None:
    """Make a ledger of them."""
    ledger = SqliteLedger(path)
    ledger.write(rows)
    ledger.close()


def _request(dice: random.Random, started: float) -> Record:
    user = dice.choices(list(USERS), list(USERS.values()))[0]
    flow = str(uuid.UUID(int=dice.getrandbits(128), version=4))
    if dice.random() < 0.01:
        return Record(started, method="POST", way="listener", status=401, reason="missing_token", flow=flow,
                      duration_ms=dice.uniform(0.5, 3))  # fmt: skip
    provider, asked, sent, mode, _, mean_in, mean_out, price, mean_ms = dice.choices(MODELS, [m[4] for m in MODELS])[0]
    common = Record(
        started, user, None, dice.choice(("listener", "tunnel")), "POST", provider, asked, sent,
        f"api.{provider}.example", mode, dice.choice(("#1 …a1f3", "#2 …c07e")), 1, 200,
        bytes_in=dice.randrange(500, 60_000), flow=flow,
    )  # fmt: skip
    if dice.random() < 0.035:
        status, reason, _ = dice.choices(FAILURES, [failure[2] for failure in FAILURES])[0]
        return common._replace(status=status, reason=reason, bytes_out=240, duration_ms=dice.uniform(40, 900),
                               attempts=2 if status == 429 else 1)  # fmt: skip
    tokens_in, tokens_out = (max(1, int(dice.lognormvariate(0, 0.6) * mean)) for mean in (mean_in, mean_out))
    took = dice.lognormvariate(0, 0.55) * mean_ms
    known = price is not None
    cost = (tokens_in * price[0] + tokens_out * price[1]) / 1e6 if price else None
    return common._replace(
        bytes_out=tokens_out * 60, first_byte_ms=took * 0.2, duration_ms=took, aborted=dice.random() < 0.01,
        tokens_in=tokens_in if known else None, tokens_out=tokens_out if known else None,
        tokens_cached_read=tokens_in // 3 if provider == "anthropic" else None, tokens_source="reported" if known else None,
        cost=cost, attempts=2 if dice.random() < 0.03 else 1,
    )  # fmt: skip

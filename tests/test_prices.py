"""Prices come from the package's file; what it does not know is unknown."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from mitmvault.local import prices
from tests.worlds import CATALOGUE

TOKENS = {"input": 1000, "output": 100, "cached_read": 400, "cached_write": 100}
# Names that the last version for Python 3.11 does not have yet.
NEWER = {"cloudflare", "zai"} if sys.version_info < (3, 12) else set()


@pytest.fixture(autouse=True)
def nothing_kept():
    prices._kept.clear()


def test_cached_tokens_have_their_own_price() -> None:
    """Claude Sonnet 4.5: 3 dollars a million in, 15 out, 0.30 read from the cache, 3.75 written to it."""
    expected = (500 * 3 + 400 * 0.3 + 100 * 3.75 + 100 * 15) / 1e6
    assert prices.cost("anthropic", ["claude-sonnet-4-5-20250929"], TOKENS) == pytest.approx(expected)
    assert prices.cost("openai", ["gpt-4o"], {"input": 1000, "output": 0}) == pytest.approx(0.0025)


def test_the_first_model_that_is_known() -> None:
    assert prices.cost("groq", ["no-such-model", "llama-3.3-70b-versatile"], {"input": 10, "output": 1})
    assert prices.cost("openai", ["gpt-4o", "gpt-4"], TOKENS) == prices.cost("openai", ["gpt-4o"], TOKENS)


@pytest.mark.parametrize(
    ("provider", "models", "tokens"),
    [
        ("", ["gpt-4o"], TOKENS),
        ("no-such-provider", ["gpt-4o"], TOKENS),
        ("openai", ["no-such-model"], TOKENS),
        ("openai", [], TOKENS),
        ("openai", ["gpt-4o"], {"output": 5}),  # what was asked is not known
        ("openai", ["gpt-4o"], {"input": "x", "output": 5}),
        ("openai", ["text-embedding-3-small"], {"input": 5, "output": 5}),  # for answers, it has no price
    ],
)
def test_unknown_is_not_free(provider, models, tokens) -> None:
    assert prices.cost(provider, models, tokens) is None


def test_no_price_for_a_kind_that_was_used(monkeypatch) -> None:
    price = SimpleNamespace(input_mtok=1, output_mtok=None)
    listed = SimpleNamespace(calc_price=lambda *_, **__: SimpleNamespace(model_price=price, total_price=7),
                             Usage=SimpleNamespace)  # fmt: skip
    monkeypatch.setitem(sys.modules, prices.PACKAGE, listed)
    assert prices.cost("a", ["b"], {"input": 5, "output": 5}) is None
    assert prices.cost("a", ["b"], {"input": 5, "output": 0}) == 7


def test_a_package_that_fails(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, prices.PACKAGE, None)
    assert prices.cost("openai", ["gpt-4o"], TOKENS) is None


def test_the_catalogues_names_are_in_the_list() -> None:
    import genai_prices.data_snapshot

    listed = {provider.id for provider in genai_prices.data_snapshot.get_snapshot().providers}
    named = {spec.prices for spec in CATALOGUE.specs if spec.prices}
    assert named - NEWER <= listed
    assert len(named) > 15


def test_nothing_is_read_before_it_is_needed_and_nothing_is_asked_of_the_network() -> None:
    code = """
import socket, sys
def refuse(*a, **k): raise AssertionError("the network was asked")
socket.socket.connect = socket.getaddrinfo = refuse
import mitmvault.addons.counting
from mitmvault.local import prices
assert "genai_prices" not in sys.modules
prices.warm().join()
assert "genai_prices" in sys.modules
print(prices.cost("openai", ["gpt-4o"], {"input": 1000, "output": 0}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0.0025"


KINDS = [
    {"input": 1000, "output": 100}, {"input": 1000, "output": 100, "cached_read": 300, "cached_write": 200},
    {"input": 0, "output": 7}, {"input": 99_999, "output": 1, "cached_read": 99_999}, {"input": 300_000, "output": 50_000},
    {"input": 5, "output": 5, "cached_read": 9},
]  # fmt: skip


def test_what_is_kept_is_what_the_package_says_for_every_model_of_the_list() -> None:
    import genai_prices.data_snapshot

    known = [
        (provider.id, model.id)
        for provider in genai_prices.data_snapshot.get_snapshot().providers
        for model in provider.models
    ]
    kept = 0
    for provider, model in known[::5]:  # each asks fourteen times
        for tokens in KINDS:
            prices._kept.clear()
            quick, again = prices.cost(provider, [model], tokens), prices.cost(provider, [model], tokens)
            assert quick == again
            try:
                asked = prices._asked(provider, model, tokens)
            except Exception:
                asked = None
            assert quick == (None if asked is None else pytest.approx(asked, rel=1e-9)), (provider, model, tokens)
        kept += bool(next(iter(prices._kept.values()))[1]) if prices._kept else 0
    assert kept > len(known[::5]) / 2


def test_the_package_is_asked_again_after_a_while_and_for_large_requests(monkeypatch) -> None:
    asked, now = [], [1000.0]
    true = prices._asked
    monkeypatch.setattr(prices, "_asked", lambda *args: asked.append(args) or true(*args))
    monkeypatch.setattr(prices, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def asks(models: list[str], tokens: dict[str, int] = {"input": 5, "output": 5}) -> bool:  # noqa: B006
        asked.clear()
        prices.cost("openai", models, tokens)
        return bool(asked)

    assert asks(["gpt-4o"]) and not asks(["gpt-4o"])
    assert asks(["no-such-model"]) and not asks(["no-such-model"])
    assert asks(["gpt-4o"], {"input": prices.SMALL + 1, "output": 5})
    now[0] += prices.FRESH + 1
    assert asks(["gpt-4o"]) and asks(["no-such-model"])


def test_names_of_models_do_not_fill_the_memory(monkeypatch) -> None:
    monkeypatch.setattr(prices, "_MAX_KEPT", 10)
    monkeypatch.setattr(prices, "_probed", lambda *args: None)
    for number in range(100):
        prices._rates("openai", f"m-{number}")
    prices._rates("openai", "m" * 10_000)
    assert len(prices._kept) <= 10 and not [model for _, model in prices._kept if len(model) > 256]

"""What numbers mean, in one form. (The corpus: test_token_meter.py)"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitmvault.core.answer.usage import STATED, UNKNOWN, Tally, Usage
from mitmvault.core.formats.usage_shapes import SHAPES


def tally(shape: str, *stated: tuple[str, Any]) -> Tally:
    made = Tally(SHAPES[shape])
    for path, value in stated:
        made.add(tuple(path.split(".")), value)
    return made


@pytest.mark.parametrize(
    ("shape", "path", "stated", "expect"),
    [
        ("openai", "usage", {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
                             "prompt_tokens_details": {"cached_tokens": 8}, "completion_tokens_details": {"reasoning_tokens": 3}},
         Usage(10, 5, 8, 0, 3, STATED)),
        ("openai", "response.usage", {"input_tokens": 10, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 8}},
         Usage(10, 5, 8, 0, 0, STATED)),
        ("openai", "usage", {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 4}, Usage(10, 5, 4, 0, 0, STATED)),
        ("anthropic", "usage", {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 100,
                                "cache_creation_input_tokens": 20}, Usage(130, 5, 100, 20, 0, STATED)),
        ("google", "usageMetadata", {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 7,
                                     "toolUsePromptTokenCount": 2, "cachedContentTokenCount": 4}, Usage(12, 12, 4, 0, 7, STATED)),
        ("bedrock", "usage", {"inputTokens": 10, "outputTokens": 5, "cacheReadInputTokens": 3, "cacheWriteInputTokens": 2},
         Usage(15, 5, 3, 2, 0, STATED)),
        ("cohere", "meta", {"billed_units": {"input_tokens": 3.0, "output_tokens": 4}, "tokens": {"input_tokens": 70}},
         Usage(3, 4, source=STATED)),
        ("cohere", "meta", {"api_version": {"version": "1"}, "billed_units": {"search_units": 1}}, Usage()),
        ("ollama", "prompt_eval_count", 26, Usage(26, source=STATED)),
    ],
)  # fmt: skip
def test_each_providers_own_meaning(shape: str, path: str, stated: Any, expect: Usage) -> None:
    assert tally(shape, (path, stated)).usage == expect


def test_a_later_statement_replaces_an_earlier_one() -> None:
    made = tally("anthropic", ("message.usage", {"input_tokens": 9, "output_tokens": 1, "cache_read_input_tokens": 5}))
    assert made.usage == Usage(14, 1, 5, source=STATED) and not made.ended
    made.add(("usage",), {"output_tokens": 30})
    assert made.usage == Usage(14, 30, 5, source=STATED) and made.ended
    made.add(("usage",), {"output_tokens": None, "input_tokens": "x"})
    assert made.usage == Usage(14, 30, 5, source=STATED)


@pytest.mark.parametrize("wrong", [None, True, "5", -1, 2**53, [], {}, [5]])
def test_what_is_no_number_states_nothing(wrong: Any) -> None:
    assert tally("openai", ("usage", {"prompt_tokens": wrong, "completion_tokens": wrong})).usage == Usage()
    assert tally("openai", ("usage", wrong)).usage.source == UNKNOWN


def test_parts_never_exceed_the_whole() -> None:
    usage = tally("openai", ("usage", {"prompt_tokens": 5, "completion_tokens": 1, "cached_tokens": 99,
                                       "completion_tokens_details": {"reasoning_tokens": 4}})).usage  # fmt: skip
    assert usage == Usage(5, 1, 5, 0, 1, STATED)


def test_a_cost_in_dollars_where_the_provider_states_it() -> None:
    assert tally("openrouter", ("usage", {"prompt_tokens": 1, "cost": 0.0123})).cost == 0.0123
    assert tally("openrouter", ("usage", {"prompt_tokens": 1, "cost": 0})).cost == 0  # a free model
    assert tally("perplexity", ("usage", {"prompt_tokens": 1, "cost": {"total_cost": 0.005}})).cost == 0.005
    assert tally("openai", ("usage", {"prompt_tokens": 1, "cost": 0.0123})).cost is None
    assert tally("openrouter", ("usage", {"prompt_tokens": 1, "cost": "free"})).cost is None


def test_heads_of_bedrock() -> None:
    made = Tally(SHAPES["bedrock"])
    made.head({"x-amzn-bedrock-input-token-count": "7", "x-amzn-bedrock-output-token-count": "²"})
    assert made.usage == Usage(7, source=STATED)


@pytest.mark.parametrize("shape", SHAPES)
@given(stated=st.dictionaries(st.sampled_from(["prompt_tokens", "input_tokens", "inputTokens", "output_tokens"]),
                              st.none() | st.integers() | st.floats() | st.sampled_from(["", "5", "x"])))  # fmt: skip
def test_anything_at_all(shape: str, stated: dict[str, Any]) -> None:
    made = tally(shape, *((".".join(place), stated) for place in SHAPES[shape].places if place))
    usage = made.usage
    assert min(usage.input, usage.output, usage.cached_read, usage.cached_write, usage.reasoning) >= 0
    assert usage.total == usage.input + usage.output

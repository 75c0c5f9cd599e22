"""Estimates: near the truth for usual texts, and marked."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitmvault.core.answer import estimate
from mitmvault.core.answer.usage import ESTIMATED, STATED, Count, Usage
from mitmvault.local.tokens import O200K, load

TEXTS = {
    "english": "The proxy authenticates the client, finds the provider and takes a key out of the vault. " * 9,
    "chinese": "代理验证客户端,找到提供商,从加密的保险库中取出密钥,然后逐字节地传输答案。" * 9,
    "german": "Der Vermittler prüft, wer fragt, sucht den Anbieter und nimmt einen Schlüssel aus dem Tresor. " * 9,
    "code": 'def cost(prices, models, tokens):\n    """US dollars."""\n    return sum(price * n for n in tokens)\n' * 9,
}


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("name", TEXTS)
def test_not_far_from_a_real_tokenizer(name: str, ascii_only: bool) -> None:
    vocabulary = load(O200K)
    assert vocabulary
    exact = len(vocabulary.encode(TEXTS[name]))
    raw = json.dumps(TEXTS[name], ensure_ascii=ascii_only)[1:-1].encode()
    assert 0.6 < estimate.tokens(raw, len(raw)) / exact < 1.7


def test_a_sample_stands_for_the_rest() -> None:
    assert estimate.tokens(b"abcd" * 100, 4000) == 1000
    assert estimate.tokens(b"", 0) == estimate.tokens(b"", 7) == 0
    assert estimate.tokens(b"\\u4e16", 6) == 1


@given(st.binary(max_size=40))
def test_anything_at_all(text: bytes) -> None:
    assert estimate.tokens(text, len(text)) >= 0
    assert isinstance(estimate.unescaped(text), str)
    assert estimate.asked(text) >= 0


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"messages": [{"role": "user", "content": "x" * 40}]}, 10),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x" * 40}]}], "system": "y" * 40}, 20),
        ({"contents": [{"parts": [{"text": "x" * 40}, {"inlineData": {"data": "A" * 9999}}]}]}, 10),
        ({"input": "x" * 40, "model": "m"}, 10),
        ({"prompt": "x" * 40}, 10),
        ({"messages": [{"content": [{"type": "image_url", "image_url": {"url": "data:" + "A" * 9999}}]}]}, 0),
    ],
)
def test_what_is_asked(body: object, tokens: int) -> None:
    assert estimate.asked(json.dumps(body).encode()) == tokens


def test_of_a_long_request_the_beginning_is_searched() -> None:
    message = {"role": "user", "content": "x" * 4000}
    long = json.dumps({"messages": [message] * 1000}).encode()
    assert len(long) > 3 * estimate.SEARCHED
    assert 0.95e6 < estimate.asked(long) < 1.05e6


def test_the_account() -> None:
    stated = Usage(10, 5, 3, 2, 1, STATED)
    assert estimate.account(Count(stated), b"{}") == {
        "input": 10, "output": 5, "cached_read": 3, "cached_write": 2, "reasoning": 1, "source": STATED,
    }  # fmt: skip
    assert estimate.account(Count(Usage()), b'{"prompt":"x"}') is None
    cut = estimate.account(Count(stated, text="…", said=40), b"{}")
    assert cut and (cut["input"], cut["output"], cut["cached_read"], cut["source"]) == (10, 40, 3, ESTIMATED)
    unstated = Count(Usage(), text="…", said=40)
    assert estimate.account(unstated, b'{"prompt":"xxxxxxxx"}') == {"input": 2, "output": 40, "source": ESTIMATED}
    assert estimate.account(unstated, None) == {"output": 40, "source": ESTIMATED}

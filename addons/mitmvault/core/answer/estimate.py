"""How many tokens a text has, roughly, where nobody says so: answers that were cut off, or that state no usage.

Rules: 1. Four bytes of UTF-8 are a token. English has a little more, Chinese a little less; code is about right.
       2. An estimate is marked as one. It replaces only what was not stated.
       3. It costs little, whatever the size: of a long text, a sample is unescaped, of a long request the beginning is
          searched; the rest is taken to be like them.

Of a request count the texts that models read: those of messages, instructions and descriptions of tools. Images and the
names in JSON do not count.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from mitmvault.core.answer.usage import ESTIMATED, STATED, Count

BYTES = 4  # of a token
SEARCHED = 2**20  # bytes of a request
_TOLD = re.compile(
    rb'"(?:text|content|input|prompt|instructions|system|arguments|description|inputText|query|message)"\s*:\s*'
    rb'"([^"\\]*(?:\\.[^"\\]*)*)"'
)


def unescaped(text: bytes) -> str:
    """The text of JSON strings put together."""
    try:
        return msgspec.json.decode(b'"' + text + b'"', type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):  # cut inside an escape, for one
        return text.decode("utf-8", "replace")


def tokens(sample: bytes, length: int) -> int:
    """The tokens of a text in JSON that is `length` bytes long there, and begins with the sample."""
    if not sample:
        return 0
    plain = len(unescaped(sample).encode("utf-8", "replace"))
    return -(-plain * length // (BYTES * len(sample)))


def asked(body: bytes) -> int:
    """The tokens of a request, without a coding."""
    texts = b"".join(match[1] for match in _TOLD.finditer(body[:SEARCHED]))
    return tokens(texts[: SEARCHED // 16], len(texts) * max(len(body), 1) // max(1, min(len(body), SEARCHED)))


def account(count: Count, body: bytes | None) -> dict[str, Any] | None:
    """What is known of an answer's tokens, in the names of core.record; None: nothing.

    `body` is that of the request, without a coding; None if nobody has it.
    """
    usage, stated = count.usage, count.usage.source == STATED
    if not stated and not count.said:
        return None
    found: dict[str, Any] = {
        "input": usage.input,
        "output": usage.output,
        "cached_read": usage.cached_read,
        "cached_write": usage.cached_write,
        "reasoning": usage.reasoning,
        "source": usage.source,
    }
    if not count.said:
        return found
    if stated:  # the input, at the beginning
        return found | {"output": max(usage.output, count.said), "source": ESTIMATED}
    given = {"input": asked(body)} if body else {}
    return given | {"output": count.said, "source": ESTIMATED}

"""What the owner of a running proxy may ask it, and how: one JSON object a line, and one as the answer.

Rules: 1. Questions only: nothing that is asked here changes anything.
       2. A question is known by name, with exactly the words that the table gives it, each a short text.
       3. No answer holds a key, a token, or a word of a prompt or an answer of a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

# question -> the words that belong to it
QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "status": (),  # what is under way, the keys, recent errors, the last minute
    "explain": ("flow",),  # the decision about one request, by the id of its flow or the beginning of one
}
MAX_QUESTION = 4096  # bytes
MAX_ANSWER = 8 * 2**20
MAX_WORD = 256  # characters


class ControlError(Exception):
    """A question that has no answer. The text is one sentence for the person who asked."""


@dataclass(frozen=True)
class Question:
    """A question of the table."""

    name: str
    words: Mapping[str, str]


def read_question(line: bytes) -> Question:
    """A line as a question. Raises ControlError."""
    try:
        words = msgspec.json.decode(line, type=dict[str, str])
    except (msgspec.DecodeError, RecursionError):
        raise ControlError("a question is one line with a JSON object of texts") from None
    name = words.pop("ask", "")
    if name not in QUESTIONS:
        raise ControlError(f"there is no such question; there are: {', '.join(QUESTIONS)}")
    if set(words) != set(QUESTIONS[name]) or any(len(word) > MAX_WORD for word in words.values()):
        wanted = ", ".join(QUESTIONS[name]) or "nothing"
        raise ControlError(f"with the question {name!r} goes {wanted}, up to {MAX_WORD} characters each")
    return Question(name, words)


def question(name: str, words: Mapping[str, str]) -> bytes:
    """A question as a line."""
    return msgspec.json.encode({"ask": name, **words}) + b"\n"


def answer(document: Any) -> bytes:
    """An answer as a line."""
    return msgspec.json.encode({"answer": document}) + b"\n"


def problem(text: str) -> bytes:
    """Why there is no answer, as a line."""
    return msgspec.json.encode({"error": text}) + b"\n"


def read_answer(line: bytes) -> Any:
    """What a line answers. Raises ControlError: with the proxy's own words, or for what is no answer."""
    try:
        found = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise ControlError("the proxy's answer makes no sense: is it of another version?") from None
    if "answer" not in found:
        raise ControlError(str(found.get("error", "the proxy did not answer")))
    return found["answer"]

"""The parts of a model's answer: texts, reasoning, calls of tools, and what is said about the whole.

Rules: 1. Nothing is added: a text that came in pieces is those pieces, one behind the other.
       2. What is of another type than it should be is nothing, and no failure.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from mitmvault.core.formats.document import Document

TEXT, REASONING, REFUSAL, CALL, RESULT = "text", "reasoning", "refusal", "tool call", "tool result"


@dataclass
class Part:
    """One piece of what was said. `name`: of a tool, else empty."""

    kind: str
    text: str = ""
    name: str = ""


@dataclass
class Said:
    """An answer, as far as it came."""

    parts: dict[Any, Part] = field(default_factory=dict)  # by where they stand in the answer, in order of appearance
    model: str = ""
    finish: str = ""  # the provider's word for why it ended; empty: it did not say
    usage: Document = field(default_factory=dict)  # as the provider stated it, later statements over earlier ones
    errors: list[str] = field(default_factory=list)
    documents: int = 0
    skipped: int = 0  # pieces that were no JSON

    def add(self, where: Any, kind: str, text: Any = "", name: Any = "") -> None:
        """Some more of a part."""
        part = self.parts.setdefault(where, Part(kind))
        part.text += text if isinstance(text, str) else ""
        part.name = part.name or (name if isinstance(name, str) else "")

    def put(self, where: Any, kind: str, text: Any, name: Any = "") -> None:
        """A whole part, in place of its pieces."""
        if isinstance(text, str) and (text or where not in self.parts):
            self.parts[where] = Part(kind, text, name if isinstance(name, str) else "")


def objects(value: Any) -> list[Document]:
    """The objects in a list; none in what is no list."""
    return [found for found in value if isinstance(found, dict)] if isinstance(value, list) else []


def dumped(value: Any) -> str:
    """A value as JSON; nothing for None."""
    return json.dumps(value, ensure_ascii=False) if value is not None else ""


def word(value: Any) -> str:
    """A text; nothing for what is none."""
    return value if isinstance(value, str) else ""


def inside(value: Any, *names: str) -> Any:
    """What stands at a path of objects; None where it does not."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value

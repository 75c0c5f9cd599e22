"""The list of models that a provider gives out itself: where it is, and what its entries are called.

Rules: 1. The shape is data of the catalogue (`list`); the entries become OpenAI's, with `provider/` before the id.
       2. What else an entry says is kept as the provider says it.
       3. A list that has another shape is an error, never an empty list.

Sources: the providers' documentation of their list endpoints (2026).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec


@dataclass(frozen=True)
class ModelList:
    """Where a provider lists its models, and how."""

    path: str = "/models"  # what follows its prefix; the query asks for one long page
    items: str = "data"  # the member that holds the list; "" when the document is the list
    id: str = "id"
    strip: str = ""  # what is cut from the front of an id: Gemini's `models/`
    headers: tuple[tuple[str, str], ...] = ()  # that the provider insists on


USUAL = ModelList()


def read(shape: ModelList, body: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each model's id, as the provider calls it, with its entry. Raises ValueError."""
    document = msgspec.json.decode(body)
    if shape.items:
        document = document.get(shape.items) if isinstance(document, dict) else None
    if not isinstance(document, list):
        raise ValueError("the answer holds no list of models")
    for entry in document:
        named = entry.get(shape.id) if isinstance(entry, dict) else None
        if not isinstance(named, str) or not named:
            raise ValueError("a model in the list has no id")
        yield named.removeprefix(shape.strip), entry


def as_openai(provider: str, model: str, entry: dict[str, Any]) -> dict[str, Any]:
    """An entry as a model of ours: OpenAI's fields, then whatever else it says."""
    owner = entry.get("owned_by")
    ours = {
        "id": f"{provider}/{model}",
        "object": "model",
        "created": _created(entry),
        "owned_by": owner if isinstance(owner, str) and owner else provider,
    }
    return ours | {name: value for name, value in entry.items() if name not in ours}


def _created(entry: dict[str, Any]) -> int:
    """Seconds since 1970; 0 when the provider does not say. Anthropic writes `created_at` in ISO 8601."""
    for value in (entry.get("created"), entry.get("created_at")):
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return int(value)
        if isinstance(value, str):
            try:
                return int(datetime.fromisoformat(value).timestamp())
            except (ValueError, OverflowError):
                continue
    return 0

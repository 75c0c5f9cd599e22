"""The model where a message of a WebSocket names it: OpenAI's Responses and realtime APIs, Gemini Live.

Rules: 1. It matters only for users who are limited to some models.
       2. Where the handshake named no model, the first message must name one that is allowed; any later message that
          names one must as well, as a session may change its model.
       3. A text that cannot be read as JSON, unambiguously, is not passed on; bytes that cannot name nothing.

Sources: OpenAI's `response.create` and `session.update` events; Gemini Live's `setup` message.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mitmvault.core.configuration.scope import check_model
from mitmvault.core.configuration.users import User
from mitmvault.core.configuration.vault import Provider
from mitmvault.core.refusal import Refusal

_RESOURCE = "models/"  # how Gemini spells a model in full


@dataclass(frozen=True)
class Frames:
    """What the client's messages may say on one connection. `places` are dotted: `setup.model`."""

    places: tuple[str, ...]
    user: User
    entry: Provider
    first_names: bool  # the first message must name a model, since the handshake need not and did not

    def check(self, content: bytes, is_text: bool, first: bool) -> None:
        """Raises Refusal for a message that must not be passed on."""
        models = list(self._models(content, is_text))
        if not models and first and self.first_names:
            raise Refusal("model_not_allowed", "Your token is limited to some models: the first message must name one.")
        for model in models:
            check_model(self.user, self.entry, model.removeprefix(_RESOURCE))

    def _models(self, content: bytes, is_text: bool) -> Iterator[str]:
        try:
            message = json.loads(content, object_pairs_hook=_plain)
        except (ValueError, RecursionError):
            if not is_text:  # sound or pictures
                return
            raise Refusal("bad_json", "A message that is no JSON object is not passed on for your token.") from None
        for place in self.places:
            value: Any = message
            for name in place.split("."):
                value = value.get(name) if isinstance(value, dict) else None
            if value is not None:
                yield value if isinstance(value, str) else ""


def _plain(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object by its names in lower case, as lenient readers take them; twice the same is ambiguous."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name.casefold() in found:
            raise ValueError("a name occurs twice")
        found[name.casefold()] = value
    return found

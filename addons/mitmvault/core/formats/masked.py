"""A copy of a JSON document that is safe to show: what looks secret is a fingerprint. And back, with made-up secrets.

Rules: 1. The field's name decides, at any depth, for fields that we do not know, too. Too much hidden is a flaw,
          too little a leak.
       2. Only strings are hidden, alone or in lists: objects (`keys`) and numbers (`maxOutputTokens`) match, too.
       3. What is made up in a secret's place has its fingerprint, so that people find the key they know.
"""

from __future__ import annotations

import re
from typing import Any

from mitmvault.core.formats.document import Document
from mitmvault.core.secret import Secret

# sha256: a digest lets others guess a token that a person chose.
_SECRET_NAME = re.compile("key|secret|token|password|sha256|credential|authorization", re.IGNORECASE)
_MADE_UP = "madeUpForTests"


def masked(raw: Document) -> Document:
    """A copy with fingerprints for secrets."""
    return {name: _masked(value, bool(_SECRET_NAME.search(name))) for name, value in raw.items()}


def _masked(value: Any, hide: bool) -> Any:
    if isinstance(value, dict):
        return masked(value)
    if isinstance(value, list):
        return [_masked(inner, hide) for inner in value]
    return Secret(value).fingerprint if hide and isinstance(value, str) else value


def filled(raw: Document) -> Document:
    """A copy of a masked document that loads like the original: something made up for each fingerprint (rule 3)."""
    # A hidden address is left out: what it is by default will do.
    return {name: _filled(value) for name, value in raw.items() if not (name.endswith("_uri") and _is_hidden(value))}


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return filled(value)
    if isinstance(value, list):
        return [_filled(inner) for inner in value]
    return _MADE_UP + value[1:] if _is_hidden(value) else value


def _is_hidden(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("…")

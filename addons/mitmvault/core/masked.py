"""A copy of a JSON document that is safe to show: what looks secret is a fingerprint.

Rules: 1. The field's name decides, at any depth, for fields that we do not know, too. Too much hidden is a flaw,
          too little a leak.
       2. Only strings are hidden, alone or in lists: objects (`keys`) and numbers (`maxOutputTokens`) match, too.
"""

from __future__ import annotations

import re
from typing import Any

from mitmvault.core.document import Document
from mitmvault.core.secret import Secret

# sha256: a digest lets others guess a token that a person chose.
_SECRET_NAME = re.compile("key|secret|token|password|sha256|credential|authorization", re.IGNORECASE)


def masked(raw: Document) -> Document:
    """A copy with fingerprints for secrets."""
    return {name: _masked(value, bool(_SECRET_NAME.search(name))) for name, value in raw.items()}


def _masked(value: Any, hide: bool) -> Any:
    if isinstance(value, dict):
        return masked(value)
    if isinstance(value, list):
        return [_masked(inner, hide) for inner in value]
    return Secret(value).fingerprint if hide and isinstance(value, str) else value

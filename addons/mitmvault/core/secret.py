"""A string that cannot be printed by accident.

Rules: 1. `repr`, `str`, f-strings, pickles and JSON never show the value.
       2. The value is read by one explicit call, `reveal()`, which a test allows in a short list of files only.
       3. Equality is constant in time.
"""

from __future__ import annotations

import hmac
from typing import NoReturn

# Shorter than this, four characters would give away too much of the whole: show nothing of it.
FINGERPRINT_MIN_LENGTH = 16


class Secret:
    """A provider key, a gateway token or a password. `reveal()` is the only way to its value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value. Call this only where bytes are written to the provider or to an encrypted file."""
        return self._value

    @property
    def fingerprint(self) -> str:
        """The last four characters, as provider dashboards show them; nothing of a short secret."""
        return "…" + (self._value[-4:] if len(self._value) >= FINGERPRINT_MIN_LENGTH else "")

    def __repr__(self) -> str:
        return f"Secret({self.fingerprint})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._value), _bytes(other._value))

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied into a file")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")  # a password from the environment need not be UTF-8

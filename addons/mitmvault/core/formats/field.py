"""One field of a JSON document: its value, where it stands, and what type it must have.

Every method returns the value in one type or raises the document's error, which names the path, never the content.
A missing field and null are the same.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from mitmvault.core.formats.document import Document, DocumentError, step

# Control characters, line and paragraph separators: they forge log lines and header lines.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Field:
    """A value and its path."""

    __slots__ = ("_error", "path", "value")

    def __init__(self, value: Any, path: str, error: type[DocumentError]) -> None:
        self.value = value
        self.path = path
        self._error = error

    def fail(self, problem: str) -> NoReturn:
        """Raise the document's error for this field. `problem` must not hold content."""
        raise self._error(f"{self.path}: {problem}" if self.path else problem)

    def __getitem__(self, name: str) -> Field:
        """A member of this object."""
        return Field(self.object().get(name), step(self.path, name), self._error)

    def object(self) -> Document:
        """The value as an object."""
        if not isinstance(self.value, dict):
            self.fail("is missing" if self.value is None else "must be an object")
        return self.value

    def members(self) -> list[tuple[str, Field]]:
        """The members of this object, in the order of the file."""
        return [(name, self[name]) for name in self.object()]

    def items(self) -> list[Field]:
        """The items of this list; a missing list is empty."""
        values = [] if self.value is None else self.value
        if not isinstance(values, list):
            self.fail("must be a list")
        return [Field(value, step(self.path, at), self._error) for at, value in enumerate(values)]

    def text(self, default: str | None = None) -> str:
        """A string without control characters."""
        if self.value is None:
            return default if default is not None else self.fail("is missing")
        if not isinstance(self.value, str):
            self.fail("must be a string")
        if _CONTROL.search(self.value):
            self.fail("must not hold control characters")
        return self.value

    def name(self) -> str:
        """A string that is not empty."""
        return self.text() or self.fail("must not be empty")

    def number(self) -> int | None:
        """A whole number, or None."""
        if self.value is not None and type(self.value) is not int:  # True is an int, too
            self.fail("must be a whole number or null")
        return self.value

    def flag(self) -> bool:
        """True or false; missing is false."""
        if self.value is not None and not isinstance(self.value, bool):
            self.fail("must be true or false")
        return bool(self.value)

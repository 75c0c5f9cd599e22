"""Text from outside, fit for a line of a log, a row of the ledger or a cell of a table. (SECURITY P16)"""

from __future__ import annotations


def printable(text: str, limit: int | None = None) -> str:
    """The text without control characters, so that it cannot forge a line; `limit` is its length in characters."""
    if text.isprintable():  # nearly all are, and this is asked for every request
        shown = text
    else:
        shown = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
    return shown if limit is None or len(shown) <= limit else shown[: limit - 1] + "…"

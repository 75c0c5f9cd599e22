"""Whether anything may leave at all.

Rules: 1. Off is the state at import, after an unload, and after a reload that failed: deny all.
       2. Only the addon that has everything ready switches it on.
"""

from __future__ import annotations

_on = False


def on() -> None:
    """From now on, permitted requests may leave."""
    global _on
    _on = True


def off() -> None:
    """From now on, nothing leaves. The subclasses in this ring stay in place to see to it."""
    global _on
    _on = False


def is_on() -> bool:
    """May permitted requests leave?"""
    return _on

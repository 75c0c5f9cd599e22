"""Something is going on: shown to people in a terminal while it does, and gone afterwards; nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def progress(text: str, *, quiet: bool = False) -> Iterator[None]:
    """Show the text beside a moving sign on stderr, as long as the context runs; nothing where `quiet`."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # imported here: pipes need not wait for it

    with Console(stderr=True).status(text):
        yield

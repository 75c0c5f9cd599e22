"""Single keys from a terminal, without Enter. Where there is no terminal, waiting is all that is left."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from typing import Any


class Keyboard:
    """Use as a context manager: the terminal is as before when it is left."""

    def __init__(self) -> None:
        self._descriptor = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._before: list[Any] | None = None

    def __enter__(self) -> Keyboard:
        if self._descriptor is not None:
            self._before = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)  # Ctrl-C and Ctrl-Z keep their meaning
        return self

    def __exit__(self, *exc: object) -> None:
        if self._descriptor is not None and self._before is not None:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def wait(self, seconds: float) -> str:
        """The key that is pressed within this time; "" for none."""
        if self._descriptor is None:
            time.sleep(seconds)
            return ""
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return ""
        return os.read(self._descriptor, 32).decode("utf-8", "replace")

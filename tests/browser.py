"""A real Chromium, driven by playwright. Tests that need one are skipped where there is none, and say so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")


@contextmanager
def pages(width: int = 1600, height: int = 900, **context: Any) -> Iterator[Any]:
    """A page of a fresh browser, as playwright's `Page`. What it writes to the console as an error is an error here."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Chromium's sandbox refuses to work for root; what is shown here is our own.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            page = browser.new_context(viewport={"width": width, "height": height}, **context).new_page()
            page.set_default_timeout(20_000)
            yield page
        finally:
            browser.close()


def is_picture(path: Path, width: int) -> bool:
    """Is this a PNG of that width, with something in it? A blank page compresses to next to nothing."""
    data = path.read_bytes()
    return data[:8] == b"\x89PNG\r\n\x1a\n" and int.from_bytes(data[16:20], "big") == width and len(data) > 10_000

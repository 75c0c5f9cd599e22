"""The dashboard's own files, as they ship: no template, nothing of a request is in them."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from pathlib import Path

from mitmvault.core.pages.ui import ROOT, SECURITY
from mitmvault.core.refusal import Answer

FOLDER = Path(__file__).parent / "ui"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


def file(path: str) -> Answer | None:
    """The answer to a request for this path; None for what is no file of the dashboard's."""
    if path == ROOT.rstrip("/"):
        return Answer(HTTPStatus.PERMANENT_REDIRECT, (("location", ROOT), ("content-length", "0"), *SECURITY), b"")
    return files().get(path)


@cache
def files() -> dict[str, Answer]:
    """Every file, by its path."""
    found = {f"{ROOT}{path.name}": _answer(path) for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}
    return found | {ROOT: found[f"{ROOT}index.html"]}


def _answer(path: Path) -> Answer:
    body = path.read_bytes()
    headers = (("content-type", TYPES[path.suffix]), ("content-length", str(len(body))), *SECURITY)
    return Answer(HTTPStatus.OK, headers, body)

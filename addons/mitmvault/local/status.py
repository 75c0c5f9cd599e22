"""What mitmvault says about itself, to anybody: that it is there."""

from __future__ import annotations

from collections.abc import Callable

from mitmvault import __version__
from mitmvault.core.refusal import Answer, json_answer


def _health() -> dict[str, str]:
    return {"status": "ok", "service": "mitmvault", "version": __version__}


def _root() -> dict[str, str]:
    return _health() | {"hint": "POST to /PROVIDER/v1/chat/completions with your user token; GET /health for checks."}


ROUTES: dict[str, Callable[[], dict[str, str]]] = {"/": _root, "/health": _health}


def status(method: str, path: str) -> Answer | None:
    """The answer to a request for our own pages; None when it is for somebody else."""
    page = ROUTES.get(path) if method in ("GET", "HEAD") else None
    return json_answer(page()) if page else None

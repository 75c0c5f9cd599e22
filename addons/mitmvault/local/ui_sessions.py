"""Sessions of the dashboard, in memory: they end with the proxy.

Rules: 1. A session is two random words: one in a cookie that scripts cannot read, one that only our own pages know.
          Both are needed.
       2. It holds the digest of the token it was opened with, not the token: it ends when the token does.
       3. There are at most MOST; the oldest goes first. None lives longer than LIFETIME.
"""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from mitmvault.core.configuration.users import digest
from mitmvault.core.pages.ui import LIFETIME

MOST = 100


@dataclass(frozen=True)
class _Session:
    page: str
    token: str  # its digest
    until: float


class Sessions:
    """Open, find, close. `clock` gives seconds that only go forward."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: OrderedDict[str, _Session] = OrderedDict()  # by the digest of the cookie

    def open(self, token: str) -> tuple[str, str]:
        """A new session for who has the token of this digest: (cookie, page)."""
        cookie, page = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self._open[digest(cookie)] = _Session(page, token, self._clock() + LIFETIME)
        while len(self._open) > MOST:
            self._open.popitem(last=False)
        return cookie, page

    def find(self, cookie: str | None, page: str) -> str | None:
        """The digest of the token with which this session was opened; None when there is none, or both do not fit."""
        name = digest(cookie or "")
        found = self._open.get(name)
        if found is not None and found.until <= self._clock():
            del self._open[name]
            return None
        return (
            found.token if found and hmac.compare_digest(found.page.encode(), page.encode("utf-8", "replace")) else None
        )

    def close(self, cookie: str | None) -> None:
        """End a session."""
        self._open.pop(digest(cookie or ""), None)

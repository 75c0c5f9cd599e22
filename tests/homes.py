"""A home as people have one: a vault, a user with a token, a password, an authority."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mitmvault.core.secret import Secret
from mitmvault.home import authority, store
from mitmvault.home.layout import Home


def made_home(path: Path, providers: Mapping[str, Any], token: str, password: str) -> Home:
    """Make it at this path, for the user alice."""
    path.mkdir(mode=0o700)
    home = Home(path)
    store.save_vault_document(home, {"providers": dict(providers)}, Secret(password))
    store.save_users_document(home, {"alice": {"key": token}})
    authority.ensure(home)
    return home

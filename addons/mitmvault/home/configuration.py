"""The world of a home: catalogue, vault, users and settings, read from its files and the environment.

What depends on the running process (what it serves beside the proxy, who can reach it) is the caller's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mitmvault.core import catalogue, settings
from mitmvault.core.secret import Secret
from mitmvault.core.world import World
from mitmvault.home import store
from mitmvault.home.layout import Home
from mitmvault.home.password import crypto_token
from mitmvault.home.resources import config_file


def load(home: Home, environ: Mapping[str, str], **process: Any) -> World:
    """Read and check everything. Raises HomeError, ValueError or OSError, with a text that says what to do.

    `process`: fields of World that no file knows (`embedded`, `own_ports`, `loopback_bind`).
    """
    vault = store.load_vault(home, crypto_token(home, environ))
    token = environ.get("CLOUDFLARE_AIG_TOKEN")
    return World(
        catalogue=catalogue.load(config_file("providers.yaml").read_text("utf-8"), _text(home.catalogue)),
        vault=vault,
        users=store.load_users(home),
        settings=settings.load(_text(home.settings)),
        account=environ.get("CLOUDFLARE_ACCOUNT_ID") or None,
        gateway_token=Secret(token) if token else None,
        **process,
    )


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""

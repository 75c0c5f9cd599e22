"""The world of a home: catalogue, vault, users and settings, read from its files and the environment.

What depends on the running process (what it serves beside the proxy, who can reach it) is the caller's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mitmvault.core import ambient_keys, catalogue, environment, settings
from mitmvault.core.ambient_keys import Lent
from mitmvault.core.catalogue import Catalogue
from mitmvault.core.environment import Environment
from mitmvault.core.settings import Settings
from mitmvault.core.users import Users
from mitmvault.core.vault import Vault
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
    read = _read(home, environ, vault, store.load_users(home))
    return World(
        catalogue=read.catalogue,
        vault=read.lent.vault,
        users=read.users,
        settings=read.settings,
        account=read.found.account,
        gateway_name=read.found.gateway,
        gateway_token=read.found.gateway_token,
        sources=read.lent.sources,
        warnings=read.found.warnings + read.lent.warnings,
        **process,
    )


def known(home: Home) -> Catalogue:
    """The catalogue: ours, and the operator's own. Raises ValueError or OSError."""
    return catalogue.load(config_file("providers.yaml").read_text("utf-8"), _text(home.catalogue))


def lent(home: Home, environ: Mapping[str, str], vault: Vault) -> Lent:
    """What the environment adds to this vault: for commands that show it. Raises as `load`."""
    return _read(home, environ, vault, store.load_users(home) if home.users.exists() else Users({})).lent


@dataclass(frozen=True)
class _Read:
    catalogue: Catalogue
    found: Environment
    users: Users
    settings: Settings
    lent: Lent


def _read(home: Home, environ: Mapping[str, str], vault: Vault, users: Users) -> _Read:
    every = known(home)
    found = environment.read(environ, ambient_keys.variables(every))
    users = users.joined((token.user, token.sha256) for token in found.tokens)
    ambient = Settings(default_model=found.default_model, retry=found.retry)
    wanted = settings.load(_text(home.settings), ambient)  # the file wins
    keys = found if wanted.environment_keys else Environment()
    return _Read(every, found, users, wanted, ambient_keys.lend(vault, every, keys, users))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""

"""The world of a home: catalogue, vault, users and settings, read from its files and the environment.

What depends on the running process (what it serves beside the proxy, who can reach it) is the caller's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mitmvault.core.configuration import ambient_keys, catalogue, environment, settings, users
from mitmvault.core.configuration import vault as vaults
from mitmvault.core.configuration.ambient_keys import Lent
from mitmvault.core.configuration.catalogue import Catalogue
from mitmvault.core.configuration.environment import Environment
from mitmvault.core.configuration.settings import Settings
from mitmvault.core.configuration.users import Users, digest
from mitmvault.core.configuration.vault import Vault
from mitmvault.core.configuration.world import World
from mitmvault.core.formats import masked
from mitmvault.core.formats.document import MAX_BYTES
from mitmvault.home import files, store
from mitmvault.home.layout import Home, HomeError
from mitmvault.home.password import crypto_token
from mitmvault.home.resources import config_file

PLAIN_VAULT = "vault.json"


def load(home: Home, environ: Mapping[str, str], **process: Any) -> World:
    """Read and check everything. Raises HomeError, ValueError or OSError, with a text that says what to do.

    `process`: fields of World that no file knows (`embedded`, `own_ports`, `loopback_bind`).
    """
    vault = store.load_vault(home, crypto_token(home, environ))
    return _world(_read(home, environ, vault, store.load_users(home)), process)


def load_plain(directory: Path, environ: Mapping[str, str], **process: Any) -> World:
    """The world of a directory that holds no secrets: its vault is plain JSON, with fingerprints for keys.

    That is what `mitmvault vault show --json` and `mitmvault users list --json` print. The world is good for decisions
    and nothing else: its keys are made up, and nobody has a token. Raises as `load`.
    """
    home = Home(directory)
    people = masked.filled(store.load_users_document(home))
    for name, fields in people.items():
        if isinstance(fields, dict):
            people[name] = {key: value for key, value in fields.items() if key != "key"} | {"sha256": digest(name)}
    plain = files.read(directory / PLAIN_VAULT, MAX_BYTES)
    found = vaults.checked(masked.filled(vaults.load_document(plain)))
    return _world(_read(home, environ, found, users.checked(people)), process)


def _world(read: _Read, process: Mapping[str, Any]) -> World:
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


def _read(home: Home, environ: Mapping[str, str], vault: Vault, people: Users) -> _Read:
    every = known(home)
    found = environment.read(environ, ambient_keys.variables(every))
    people = people.joined((token.user, token.sha256) for token in found.tokens)
    ambient = Settings(default_model=found.default_model, retry=found.retry)
    wanted = settings.load(_text(home.settings), ambient)  # the file wins
    keys = found if wanted.environment_keys else Environment()
    return _Read(every, found, people, wanted, ambient_keys.lend(vault, every, keys, people))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        problem = f"{path} is not UTF-8 text"
    raise HomeError(problem)  # outside the handler: that exception holds the content

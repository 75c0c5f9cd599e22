"""The first start: a home with a demo vault, one user and an authority, so that the proxy works before it is set up.

Rules: 1. What exists is never overwritten, and no mode is tightened silently: wide modes are warnings.
       2. A crypto token is invented only where there is none and no vault that needs the lost one.
       3. Everything is created private: directory 0700, files 0600.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mitmvault.core.configuration import users, vault
from mitmvault.core.secret import Secret
from mitmvault.home import authority, files, password, store
from mitmvault.home.layout import Home, HomeError

TOKEN_PREFIX = "mv-"  # noqa: S105  the visible part of every token that we make
_TOKEN_BYTES = 24  # 32 characters
_CRYPTOKEN_BYTES = 32


@dataclass(frozen=True)
class Started:
    """What `ensure` found and made: what it created, the user it made with the token, and what to warn about."""

    created: tuple[Path, ...]
    user: str | None
    token: Secret | None
    warnings: list[str]


def ensure(home: Home, environ: Mapping[str, str], user: str | None = None) -> Started:
    """Make the home directory complete, or raise a HomeError that says what to do.

    `user` is the name of the first user, if there is none yet; else the person's login name.
    """
    name = user or login_name(environ)
    try:
        make_directory(home)
        with files.locked(home.path):
            created, token = _complete(home, environ, name)
        if authority.ensure(home):
            created.append(home.ca)
    except OSError as error:
        raise HomeError(f"cannot use {error.filename or home.path}: {error.strerror}") from None
    return Started(tuple(created), name if token else None, token, _warnings(home))


def make_directory(home: Home) -> None:
    """Create the home directory, private; an existing one must be a directory that we may write to."""
    if home.path.exists() and not home.path.is_dir():
        raise HomeError(f"{home.path} is not a directory: move it away, or choose another with --home")
    if not home.path.exists():
        home.path.parent.mkdir(parents=True, exist_ok=True)
        home.path.mkdir(files.PRIVATE_DIRECTORY, exist_ok=True)
    if not os.access(home.path, os.R_OK | os.W_OK | os.X_OK):
        raise HomeError(f"{home.path} is not writable for you: change its owner, or choose another with --home")


def fresh_token() -> Secret:
    """A new user token."""
    return Secret(TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES))


def login_name(environ: Mapping[str, str]) -> str:
    """The person's login name as a user name; "me" when there is none."""
    name = next((environ[variable] for variable in ("LOGNAME", "USER", "USERNAME") if environ.get(variable)), "")
    return re.sub(r"[^A-Za-z0-9._@-]+", "-", name).strip("-._@")[:64] or "me"


def _complete(home: Home, environ: Mapping[str, str], user: str) -> tuple[list[Path], Secret | None]:
    """Files that are missing. Returns them, and the token of the user if it made one."""
    created: list[Path] = []
    token = None
    if not home.vault.exists():
        if not password.known(home, environ):
            files.write_atomic(home.cryptoken, secrets.token_urlsafe(_CRYPTOKEN_BYTES).encode() + b"\n")
            created.append(home.cryptoken)
        files.write_atomic(home.vault, store.seal(_demo_vault(), password.crypto_token(home, environ)))
        created.append(home.vault)
    password.crypto_token(home, environ)  # an existing vault needs its own: the error says how to provide it
    if not home.users.exists():
        token = fresh_token()
        document = users.added({}, user, {"key": token.reveal()})
        files.write_atomic(home.users, users.dump_document(document))
        created.append(home.users)
    _refuse_unreadable(home)
    return created, token


def _demo_vault() -> bytes:
    """One provider without an endpoint: it is embedded in the proxy and needs no network."""
    key = {"key": "demo-key-" + secrets.token_urlsafe(_TOKEN_BYTES), "owner": "mitmvault", "type": "free"}
    limits = {"contextWindow": 8192, "maxOutputTokens": 2048, "tpmLimit": None}
    model = {"id": "demo-1", "usage": "chat", **limits, "priority": 0}
    demo = {"protocol": "openai", "keys": [key], "models": [model]}
    return vault.dump_document({"version": 1, "providers": {"demo": demo}})


def _refuse_unreadable(home: Home) -> None:
    for path in (home.vault, home.users):
        files.read(path, store.MAX_BYTES)


def wide(home: Home) -> list[tuple[Path, int, int]]:
    """What is open to others, with its mode and the one that it should have."""
    private = [home.vault, home.users, home.cryptoken, home.settings, home.catalogue, home.ledger, home.state, home.run]
    private += [home.ca, home.ca_key, home.ca_key.with_suffix(".p12")]
    before = [path.with_name(path.name + files.PREVIOUS) for path in (home.vault, home.users)]
    found = []
    for path in (home.path, *private, *before):
        with suppress(FileNotFoundError):
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & 0o077:
                found.append((path, mode, files.PRIVATE_DIRECTORY if path.is_dir() else files.PRIVATE_FILE))
    return found


def _warnings(home: Home) -> list[str]:
    return [
        f"{path} is open to others (mode {mode:04o}): chmod {wanted:03o} {path}" for path, mode, wanted in wide(home)
    ]

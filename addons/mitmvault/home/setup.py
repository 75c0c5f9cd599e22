"""What `mitmvault init` does: the first start, and what else was asked for.

Rules: 1. What is asked for is there afterwards; what is there already is kept.
       2. What is wrong with a wish is found before anything is written, as far as it can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mitmvault.core.configuration import users
from mitmvault.core.secret import Secret
from mitmvault.home import password, provider_keys, service, start, store
from mitmvault.home.layout import Home, HomeError
from mitmvault.home.provider_keys import Stored, Typed
from mitmvault.home.service import Service


@dataclass(frozen=True)
class Wish:
    """What somebody wants of a home: a user of this name (None: the usual first one), keys that the environment has
    for these providers, typed keys, a service."""

    user: str | None = None
    lent: tuple[str, ...] = ()
    typed: tuple[Typed, ...] = ()
    service: bool = False


@dataclass(frozen=True)
class Done:
    """What came of it. `user` and `token` are those of a user that was made."""

    created: tuple[Path, ...]
    kept: tuple[Path, ...]
    user: str | None
    token: Secret | None
    keys: tuple[Stored, ...]
    providers: tuple[str, ...]  # that the vault has keys for
    service: Service | None
    warnings: tuple[str, ...]


def check_user(name: str) -> None:
    """Can a user have this name? Raises UsersError."""
    users.added({}, name, {})


def carry_out(home: Home, environ: Mapping[str, str], wish: Wish) -> Done:
    """Do it. Raises HomeError, ValueError or OSError, with a text that says what to do."""
    provider_keys.offered(home, environ)  # reads everything that is there
    if wish.user:
        check_user(wish.user)
    for key in wish.typed:
        provider_keys.check(home, environ, key.provider)
    wanted = _service(home, environ) if wish.service else None
    started = start.ensure(home, environ, wish.user)
    user, token = started.user, started.token
    if wish.user and token is None and wish.user not in store.load_users_document(home):
        user, token = wish.user, _added(home, wish.user)
    keys = provider_keys.put(home, environ, wish.lent, wish.typed)
    created = list(started.created)
    if wanted and wanted.write():
        created.append(wanted.path)
    every = (home.cryptoken, home.vault, home.users, home.ca, *([wanted.path] if wanted else ()))
    kept = tuple(path for path in every if path not in created and path.exists())
    found = store.load_vault(home, password.crypto_token(home, environ)).providers
    providers = tuple(name for name, provider in found.items() if any(key.usable for key in provider.keys))
    warnings = (*started.warnings, *(_warnings(home, environ, wanted) if wanted else ()))
    return Done(tuple(created), kept, user, token, keys, providers, wanted, warnings)


def _service(home: Home, environ: Mapping[str, str]) -> Service:
    found = service.of(home, environ)
    if found is None:
        raise HomeError("this system has neither systemd nor launchd: run `mitmvault serve` as it runs other programs")
    return found


def _warnings(home: Home, environ: Mapping[str, str], wanted: Service) -> Iterator[str]:
    if wanted.differs:
        yield f"{wanted.path} was kept, and is not what would be written now: move it away for a new one"
    yield from service.unseen(home, environ, provider_keys.offered(home, environ).values())


def _added(home: Home, name: str) -> Secret:
    token = start.fresh_token()
    store.change_users(home, lambda document: users.added(document, name, {"key": token.reveal()}))
    return token

"""Whose token a program gets: the one asked for, else the home's only user, else the one in MITMVAULT_TOKEN.

Rules: 1. Nothing is guessed: of several users, one must be named.
       2. Of a user whose digest alone is stored, MITMVAULT_TOKEN must bring the token, and it must fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mitmvault.core.child.child_environment import VARIABLE
from mitmvault.core.configuration import users
from mitmvault.core.configuration.vault import is_expired
from mitmvault.core.formats.document import Document
from mitmvault.home import store
from mitmvault.home.layout import Home, HomeError

_NOBODY = "nobody may in yet: mitmvault users add NAME"


@dataclass(frozen=True)
class UserToken:
    """A user's name and token."""

    user: str
    token: str = field(repr=False)


def choose(home: Home, wanted: str | None, environ: Mapping[str, str]) -> UserToken:
    """The user `wanted`, or whoever it must be. Raises HomeError that says whom one may name."""
    every = store.load_users_document(home)
    users.checked(every)
    may_in = {name: entry for name, entry in every.items() if not is_expired(str(entry.get("type", "")))}
    given = environ.get(VARIABLE)
    if wanted is not None:
        if wanted not in may_in:
            raise HomeError(f"there is no user {wanted} who may in; there is: {', '.join(may_in) or 'nobody'}")
        return _of(wanted, may_in[wanted], given)
    if len(may_in) == 1:
        return _of(*next(iter(may_in.items())), given)
    if given:
        digest = users.digest(given)
        owner = next((name for name, entry in may_in.items() if _digest(entry) == digest), "you")
        return UserToken(owner, given)
    raise HomeError(f"which user? Name one with --user: {', '.join(may_in)}" if may_in else _NOBODY)


def _of(name: str, entry: Document, given: str | None) -> UserToken:
    if entry.get("key"):
        return UserToken(name, str(entry["key"]))
    if given and users.digest(given) == _digest(entry):
        return UserToken(name, given)
    raise HomeError(f"{name}'s token is stored as a digest only: put the token into {VARIABLE}")


def _digest(entry: Document) -> str:
    return users.digest(str(entry["key"])) if entry.get("key") else str(entry["sha256"]).lower()

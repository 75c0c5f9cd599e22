"""Who may in: `users.json`, an object of name -> {"key": token}.

Rules: 1. Tokens are kept as SHA-256 digests only; the file may hold a digest (`sha256`) instead of the token.
       2. Looked up by digest, then compared in constant time; unknown and expired answer alike: None.
       3. A message names the field by its path and never shows its content.
       4. No restriction means everything; an empty list means nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import count

from mitmvault.core.configuration.vault import is_expired
from mitmvault.core.formats import document
from mitmvault.core.formats.document import Document, DocumentError
from mitmvault.core.formats.field import Field

MIN_TOKEN = 8
USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*\Z")

VISIBLE = re.compile(r"[\x21-\x7e]+\Z")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}\Z")


class UsersError(DocumentError):
    """The document is no list of users, or the change is impossible."""


@dataclass(frozen=True)
class User:
    """A person or program with a token, and what it may use; None means anything."""

    name: str
    providers: frozenset[str] | None
    models: tuple[str, ...] | None
    admin: bool = False  # may see what everybody does: pages about all users' requests. Keys are shown to nobody

    def may_use_provider(self, name: str) -> bool:
        """Is this provider open to the user?"""
        return self.providers is None or name in self.providers

    def may_use_model(self, model_id: str) -> bool:
        """Is this model open to the user? The list may hold globs (`gpt-4*`), case counts."""
        return self.models is None or any(fnmatchcase(model_id, pattern) for pattern in self.models)


class Users:
    """All users that may in. `len` counts them; with none, nobody may."""

    __slots__ = ("_by_digest", "_gone")

    def __init__(self, by_digest: Mapping[str, User], gone: Mapping[str, str] | None = None) -> None:
        # The stored digest beside the user, so that what is compared is what is stored.
        self._by_digest = {stored: (stored, user) for stored, user in by_digest.items()}
        self._gone = dict(gone or {})  # digest -> name of those who may in no more

    def __len__(self) -> int:
        return len(self._by_digest)

    def find(self, token: str) -> User | None:
        """The user with this token; None for an unknown token and for an expired user."""
        return self.holder(digest(token))

    def holder(self, wanted: str) -> User | None:
        """The user whose token has this digest."""
        stored, user = self._by_digest.get(wanted, ("", None))
        return user if hmac.compare_digest(stored, wanted) else None

    def knows(self, wanted: str) -> bool:
        """Is this the digest of any user's token, be it of one who may in no more?"""
        return wanted in self._by_digest or wanted in self._gone

    def named(self, name: str) -> User | None:
        """The user of this name, if it may in."""
        return next((user for _, user in self._by_digest.values() if user.name == name), None)

    @property
    def has_admin(self) -> bool:
        """May any of them see what everybody does?"""
        return any(user.admin for _, user in self._by_digest.values())

    def joined(self, more: Iterable[tuple[str, str]]) -> Users:
        """These users, and more by (name, digest), without restrictions.

        Who is here stays as he is: a token that is known already, be it of an expired user, is not added, and a
        name that is taken gets a number.
        """
        entered = {stored: user for stored, user in self._by_digest.values()}
        names = {user.name for user in entered.values()} | set(self._gone.values())
        for name, stored in more:
            if stored not in entered and not self.knows(stored):
                free = next(name for name in _numbered(name) if name not in names)
                entered[stored] = User(free, None, None)
                names.add(free)
        return Users(entered, self._gone)


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def digest(token: str) -> str:
    """The hex SHA-256 of a token, as the field `sha256` holds it."""
    # surrogatepass: whatever a client sends has a digest; it is just nobody's.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def parse(plain: bytes) -> Users:
    """Read and check `users.json`."""
    return checked(load_document(plain))


def checked(raw: Document) -> Users:
    """Check a raw document."""
    entered: dict[str, User] = {}
    seen: dict[str, str] = {}
    for name, entry in Field(raw, "", UsersError).members():
        if not name or not name.isprintable():
            entry.fail("a user's name must be visible characters")
        stored = _digest_of(entry)
        if stored in seen:
            entry.fail(f"has the same token as {document.step('', seen[stored])}")
        seen[stored] = name
        user = User(name, _providers(entry["providers"]), _names(entry["models"]), entry["admin"].flag())
        if not is_expired(entry["type"].text("")):
            entered[stored] = user
    return Users(entered, {stored: name for stored, name in seen.items() if stored not in entered})


def load_document(plain: bytes) -> Document:
    """The raw document, for editors: unknown fields included."""
    return document.load(plain, UsersError)


def dump_document(raw: Document) -> bytes:
    """The raw document as JSON text: indented, stable, in UTF-8."""
    return document.dump(raw)


def added(raw: Document, name: str, fields: Document) -> Document:
    """A copy with one more user, who must be new."""
    if not USER_NAME.match(name):
        raise UsersError("a user's name begins with a letter or digit and goes on with those and '.', '_', '@', '-'")
    if name in raw:
        raise UsersError(f"{name}: there is a user of this name already")
    return {**raw, name: fields}


def removed(raw: Document, name: str) -> Document:
    """A copy without this user, who must exist."""
    if name not in raw:
        raise UsersError(f"{document.step('', name)}: there is no user of this name")
    return {other: fields for other, fields in raw.items() if other != name}


def _digest_of(entry: Field) -> str:
    key, sha256 = entry["key"], entry["sha256"]
    if key.value is None and sha256.value is None:
        key.fail("is missing (or sha256, the token's digest)")
    if key.value is not None and sha256.value is not None:
        entry.fail("must have either key or sha256, not both")
    if key.value is None:
        return sha256.text().lower() if _DIGEST.match(sha256.text()) else sha256.fail("must be 64 hex digits")
    token = key.name()
    if not VISIBLE.match(token):
        key.fail("must be visible ASCII characters, without blanks")
    if len(token) < MIN_TOKEN:
        key.fail(f"must have at least {MIN_TOKEN} characters")
    return digest(token)


def _providers(field: Field) -> frozenset[str] | None:
    names = _names(field)
    return None if names is None else frozenset(names)


def _names(field: Field) -> tuple[str, ...] | None:
    return None if field.value is None else tuple(item.name() for item in field.items())

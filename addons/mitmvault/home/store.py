"""The vault and the users, read from the home directory and written back.

Rules: 1. What is written was checked first; on any error the file stays as it was.
       2. Read, change and write happen under one lock, or the writer names the version it started from (`base`).
          A stale base is refused: nobody's edit is lost silently.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from mitmvault.core.configuration import users, vault
from mitmvault.core.configuration.users import Users
from mitmvault.core.configuration.vault import Vault
from mitmvault.core.formats import openssl
from mitmvault.core.formats.document import MAX_BYTES, Document
from mitmvault.core.secret import Secret
from mitmvault.home import files
from mitmvault.home.layout import Home, HomeError


class StaleError(HomeError):
    """The file has changed since the writer read it."""


def load_vault(home: Home, password: Secret) -> Vault:
    """The vault, checked."""
    return vault.parse(read_vault(home, password))


def load_vault_document(home: Home, password: Secret) -> Document:
    """The vault's raw document, for editors."""
    return vault.load_document(read_vault(home, password))


def read_vault(home: Home, password: Secret) -> bytes:
    """The decrypted vault as it is."""
    return unseal(_read(home.vault, "vault"), password)


def unseal(text: bytes, password: Secret) -> bytes:
    """Decrypt a vault. What opened by chance (one wrong password in 256) is noise, and noise is no UTF-8."""
    plain = openssl.unseal(text, password)
    try:
        plain.decode()
    except UnicodeDecodeError:
        noise = True
    else:
        noise = False
    if noise:  # raised outside the handler: that exception holds the content
        raise openssl.wrong_password()
    return plain


def seal(plain: bytes, password: Secret) -> bytes:
    """Check and encrypt a vault."""
    vault.parse(plain)
    return openssl.seal(plain, password, os.urandom(openssl.SALT_LENGTH))


def save_vault(home: Home, plain: bytes, password: Secret, *, base: str | None = None) -> None:
    """Check, encrypt and replace the vault, byte for byte. With `base`, only if its `version_of` still is that."""
    sealed = seal(plain, password)
    with files.locked(home.path):
        _refuse_stale(home.vault, base)
        files.write_atomic(home.vault, sealed)


def save_vault_document(home: Home, document: Document, password: Secret, *, base: str | None = None) -> None:
    """`save_vault` for an editor's raw document."""
    save_vault(home, vault.dump_document(document), password, base=base)


def sealed_vault(home: Home) -> bytes | None:
    """The vault as it is stored, encrypted; None when there is none."""
    return files.read(home.vault, MAX_BYTES) if home.vault.exists() else None


def replace_vault(home: Home, sealed: bytes, password: Secret, may: Callable[[str], bool]) -> None:
    """Replace the vault by one that is encrypted already, byte for byte, if it opens and is one.

    Only if `may` says yes to the version that is there ("": none), else StaleError.
    """
    vault.parse(unseal(sealed, password))
    with files.locked(home.path):
        if not may(version_of(home.vault)):
            raise StaleError(f"{home.vault.name} is not the version that was meant: load it again")
        files.write_atomic(home.vault, sealed)


def load_users(home: Home) -> Users:
    """The users, checked."""
    return users.parse(_read(home.users, "list of users"))


def load_users_document(home: Home) -> Document:
    """The users' raw document, for editors; empty when there is none yet."""
    return users.load_document(_read(home.users, "list of users")) if home.users.exists() else {}


def save_users_document(home: Home, document: Document, *, base: str | None = None) -> None:
    """Check and replace the users. With `base`, only if its `version_of` still is that."""
    with files.locked(home.path):
        _refuse_stale(home.users, base)
        _replace_users(home, document)


def change_users(home: Home, change: Callable[[Document], Document]) -> None:
    """Read, change and replace the users under one lock."""
    with files.locked(home.path):
        _replace_users(home, change(load_users_document(home)))


def version_of(path: Path) -> str:
    """What tells one version of a file from another; "" when there is no file. Fit for an ETag."""
    return version(files.read(path, MAX_BYTES)) if path.exists() else ""


def version(content: bytes) -> str:
    """`version_of` a file with this content."""
    return hashlib.sha256(content).hexdigest()[:32]


def _replace_users(home: Home, document: Document) -> None:
    plain = users.dump_document(document)
    users.parse(plain)
    files.write_atomic(home.users, plain)


def _refuse_stale(path: Path, base: str | None) -> None:
    if base is not None and base != version_of(path):
        raise StaleError(f"{path.name} has changed since you opened it: load it again and repeat your change")


def _read(path: Path, what: str) -> bytes:
    if not path.exists():
        raise HomeError(f"there is no {what} at {path}: `mitmvault serve` creates one, or name the home with --home")
    return files.read(path, MAX_BYTES)

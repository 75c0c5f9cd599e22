"""Provider keys on their way into the vault: from the environment, or typed by a person.

Rules: 1. A key of the environment goes to a provider that has none, as while the proxy runs (ambient_keys.py).
       2. A typed key goes beside those that are there. The same key twice is kept once.
       3. User tokens, and dummies of `mitmvault run`, are no provider keys.
       4. All or nothing: the vault is written once, when everything is right, and not at all where nothing changes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from mitmvault.core.configuration import ambient_keys, users, vault
from mitmvault.core.configuration.catalogue import Catalogue
from mitmvault.core.configuration.dummy_keys import is_dummy
from mitmvault.core.configuration.vault import Vault
from mitmvault.core.formats.document import Document
from mitmvault.core.secret import Secret
from mitmvault.home import configuration, password, start, store
from mitmvault.home.layout import Home, HomeError


@dataclass(frozen=True)
class Typed:
    """A key that a person typed, and for which provider."""

    provider: str
    secret: Secret


@dataclass(frozen=True)
class Stored:
    """A key that is in the vault now: whose, how people recognise it, from which variable, and whether it is new."""

    provider: str
    label: str
    source: str | None
    added: bool


def offered(home: Home, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Which providers could have their keys from which variable. Of a home that may not be there yet; raises as `load`
    of home/configuration.py."""
    known = Vault(1, {})
    if home.vault.exists():
        known = store.load_vault(home, password.crypto_token(home, environ))
    return configuration.lent(home, environ, known).sources


def check(home: Home, environ: Mapping[str, str], name: str) -> None:
    """Can a key of this provider go into the vault? Raises HomeError that says why not."""
    document = _document(home, environ) if home.vault.exists() else {}
    _entry_name(configuration.known(home), document, name)


def put(home: Home, environ: Mapping[str, str], wanted: Collection[str], typed: Sequence[Typed]) -> tuple[Stored, ...]:
    """Put the environment's keys of the `wanted` providers, and the typed ones, into the vault.

    Raises HomeError, or ValueError of the vault, with a text that shows no key.
    """
    base = store.version_of(home.vault)
    secret = password.crypto_token(home, environ)
    document = _document(home, environ)
    known, owner = configuration.known(home), start.login_name(environ)
    stored = [
        _add(_entry(known, document, name), name, found, owner, variable)
        for name, variable, found in (_lent(home, environ, document, wanted) if wanted else ())
    ]
    for key in typed:
        _refuse_token(home, key)
        name = _entry_name(known, document, key.provider)
        stored.append(_add(_entry(known, document, name), name, key.secret, owner, None))
    if any(key.added for key in stored):
        store.save_vault_document(home, document, secret, base=base)
    return tuple(stored)


def _document(home: Home, environ: Mapping[str, str]) -> Document:
    document = store.load_vault_document(home, password.crypto_token(home, environ))
    vault.checked(document)  # what follows may take its shape for granted
    return document


def _lent(
    home: Home, environ: Mapping[str, str], document: Document, wanted: Collection[str]
) -> Iterator[tuple[str, str, Secret]]:
    found = configuration.lent(home, environ, vault.checked(document))
    for name, variable in found.sources.items():
        if name in wanted:
            yield from ((name, variable, key.secret) for key in found.vault.providers[name].keys)


def _add(entry: Document, name: str, secret: Secret, owner: str, source: str | None) -> Stored:
    keys = entry.get("keys") or []
    value = secret.reveal()
    number = next((number for number, key in enumerate(keys, 1) if key["key"] == value), None)
    if number is None:
        entry["keys"] = [*keys, {"key": value, "owner": owner}]
        return Stored(name, f"#{len(keys) + 1} {secret.fingerprint}", source, True)
    expired = " (expired)" if vault.is_expired(str(keys[number - 1].get("type") or "")) else ""
    return Stored(name, f"#{number} {secret.fingerprint}{expired}", source, False)


def _entry(known: Catalogue, document: Document, name: str) -> Document:
    """The provider's entry in the document, made where there is none."""
    if not document.get("providers"):
        document["providers"] = {}
    providers = document["providers"]
    if name not in providers:
        providers[name] = {"protocol": ambient_keys.new_entry(known.by_name[name]).protocol, "keys": []}
    entry: Document = providers[name]
    return entry


def _entry_name(known: Catalogue, document: Document, name: str) -> str:
    """Under which name the vault has this provider, or would have it."""
    spec = known.by_name.get(name)
    names = spec.names if spec else (name,)
    entries = document.get("providers") or {}
    found = next((entry for entry in names if entry in entries), None)
    if found is not None and not (spec and spec.embedded):
        return found
    if spec is None:
        near = get_close_matches(name, known.by_name, 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "one that nobody knows needs an endpoint in the vault"
        raise HomeError(f"there is no provider {name}: {hint}")
    if spec.embedded:
        raise HomeError(f"{name} is a part of mitmvault and has its key already")
    if spec.endpoint is None:
        raise HomeError(f"{name} lives at an address of your own: put its endpoint and key into the vault by hand")
    return spec.id


def _refuse_token(home: Home, key: Typed) -> None:
    value = key.secret.reveal()
    if is_dummy(value) or (home.users.exists() and store.load_users(home).knows(users.digest(value))):
        raise HomeError(f"what was typed for {key.provider} is a token of mitmvault, not a key of the provider")

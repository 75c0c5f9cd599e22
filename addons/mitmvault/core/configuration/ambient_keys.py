"""Provider keys from the environment, for providers that the vault has no key for. (reference systems 001 and 002)

Rules: 1. The vault wins: an entry with keys, be they expired, is left alone.
       2. Of a provider's variables (`env` in the catalogue), the first that is set counts.
       3. A user token is no provider key, even where a variable such as OPENAI_API_KEY holds one: whoever exports it
          for his programs would otherwise have it sent to the provider.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from mitmvault.core.configuration.catalogue import Catalogue
from mitmvault.core.configuration.environment import Environment, ProviderKey
from mitmvault.core.configuration.spec import Spec
from mitmvault.core.configuration.users import Users
from mitmvault.core.configuration.vault import Key, Provider, Vault

OWNER = "environment"


@dataclass(frozen=True)
class Lent:
    """The vault with what the environment adds, which provider got keys from which variable, and what to warn about."""

    vault: Vault
    sources: Mapping[str, str]
    warnings: tuple[str, ...]


def variables(catalogue: Catalogue) -> Iterator[str]:
    """Every variable that may hold provider keys."""
    return (name for spec in catalogue.specs for name in spec.env)


def lend(vault: Vault, catalogue: Catalogue, found: Environment, users: Users) -> Lent:
    """Give the environment's keys to the providers that have none."""
    providers, sources, warnings = dict(vault.providers), {}, []
    for spec in catalogue.specs:
        variable = next((name for name in spec.env if found.keys.get(name)), None)
        entries = [providers[name] for name in spec.names if name in providers]
        if variable is None or any(entry.keys for entry in entries) or not (entries or spec.endpoint):
            continue
        keys = tuple(key for key in found.keys[variable] if not users.knows(key.sha256))
        if len(keys) < len(found.keys[variable]):
            warnings.append(f"{variable} holds a user token, which is no provider key: it is not used")
        if keys:
            entry = entries[0] if entries else new_entry(spec)
            providers[entry.name] = replace(entry, keys=tuple(_key(*pair) for pair in enumerate(keys, 1)))
            sources[entry.name] = variable
    return Lent(replace(vault, providers=providers), sources, tuple(warnings))


def _key(number: int, found: ProviderKey) -> Key:
    return Key(found.secret, OWNER, "", number)


def new_entry(spec: Spec) -> Provider:
    """A provider as the catalogue knows it, without keys."""
    protocol = {"anthropic": "anthropic", "google": "gemini"}.get(spec.errors[-1].shape, "openai")
    return Provider(
        name=spec.id, protocol=protocol, endpoint=None, gateway_endpoint=None, gateway_model_prefix=None,
        gateway_key=None, allow_plain_http=False, keys=(), models=(),
    )  # fmt: skip

"""Everything a decision may know: one frozen value, replaced as a whole when a file changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from urllib.parse import quote, urlsplit

from mitmvault.core.configuration import networks
from mitmvault.core.configuration.catalogue import Catalogue
from mitmvault.core.configuration.endpoint import ACCOUNT
from mitmvault.core.configuration.hostnames import DEFAULT_PORTS, normal
from mitmvault.core.configuration.key_form import TEXT
from mitmvault.core.configuration.paths import custom_spec, endpoint_path
from mitmvault.core.configuration.settings import Settings
from mitmvault.core.configuration.spec import Spec, filled
from mitmvault.core.configuration.users import Users
from mitmvault.core.configuration.vault import Key, Provider, Vault
from mitmvault.core.secret import Secret


@dataclass(frozen=True)
class Known:
    """A provider: how to talk to it, and what the vault has for it (None: nothing)."""

    name: str
    spec: Spec
    entry: Provider | None
    names: frozenset[str] = frozenset()  # every name that leads here
    ports: frozenset[int] = frozenset(DEFAULT_PORTS.values())  # where its hosts are its own

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys that may be used: not expired, and of a form that the provider takes."""
        forms = (TEXT, *self.spec.key_forms)
        return tuple(key for key in self.entry.keys if key.usable and key.form in forms) if self.entry else ()


@dataclass(frozen=True)
class World:
    """Catalogue, vault, users and settings of one moment."""

    catalogue: Catalogue
    vault: Vault
    users: Users
    settings: Settings = field(default_factory=Settings)
    account: str | None = None  # CLOUDFLARE_ACCOUNT_ID
    gateway_name: str | None = None  # AI_GATEWAY_NAME: for providers whose vault entry says nothing about their address
    gateway_token: Secret | None = None  # CLOUDFLARE_AIG_TOKEN, CF_AIG_TOKEN
    embedded: Mapping[str, str] = field(default_factory=dict)  # provider id -> its endpoint in this process
    own_ports: frozenset[int] = frozenset()  # what this process listens at: the proxy, mitmweb, the demo provider
    sources: Mapping[str, str] = field(default_factory=dict)  # provider -> the variable that its keys come from
    warnings: tuple[str, ...] = ()  # what the operator should know about how this was read
    loopback_bind: bool = True  # nobody but this machine can reach the listener

    @cached_property
    def providers(self) -> Mapping[str, Known]:
        """By every name a path prefix may use. A vault entry's own name beats an alias."""
        entries = {name: self._known(name, entry) for name, entry in self.vault.providers.items()}
        for spec in self.catalogue.specs:
            match = next((name for name in spec.names if name in entries), spec.id)
            free = frozenset(name for name in spec.names if name not in entries)
            known = replace(entries.get(match) or self._known_as(spec.id, spec, None), names=free | {match})
            entries |= dict.fromkeys(free | {match}, known)
        return entries

    @cached_property
    def hosts(self) -> Mapping[str, Known]:
        """By every host whose traffic is intercepted: the catalogue's, and those of custom vault providers.

        A host of the catalogue stays the destination, unless the vault names another: eu.api.example is not
        api.example. A pattern is a destination never.
        """
        found = {host: _at(self.providers[spec.id], host) for spec in self.catalogue.specs for host in spec.hosts}
        for known in self.providers.values():
            host = normal(urlsplit(known.entry.endpoint).hostname or "") if known.entry and known.entry.endpoint else ""
            # An endpoint on this machine or in a private network is for us to reach, not for clients to name.
            if host and networks.parse(host) is None and not networks.is_loopback(host):
                found.setdefault(host, known)
        return found

    @property
    def tunnels_unmatched(self) -> bool:
        """Are hosts that are no provider's tunnelled unread? By default on a loopback bind alone."""
        return (self.settings.unmatched or ("tunnel" if self.loopback_bind else "refuse")) == "tunnel"

    def host(self, name: str) -> Known | None:
        """The provider of this host, in normal form."""
        found = self.hosts.get(name)
        if found is None and name:
            return next((known for pattern, known in self._patterns if _fits(name, pattern)), None)
        return found

    def at(self, host: str, port: int) -> Known | None:
        """The provider that lives at this host and port, as a client would name them."""
        known = self.host(host)
        return known if known and port in known.ports else None

    def endpoint_of(self, known: Known) -> str | None:
        """Where the provider is reached directly: the vault's word, else the catalogue's.

        None when nobody says, or when it needs an account that is not set.
        """
        own = known.entry.endpoint if known.entry else None
        return self.resolved(own or self.embedded.get(known.spec.id) or known.spec.endpoint)

    def resolved(self, url: str | None) -> str | None:
        """A URL of the vault or the catalogue with the account in its place; None when there is no account."""
        if url is None or ACCOUNT not in url:
            return url
        return url.replace(ACCOUNT, quote(self.account, safe="")) if self.account else None

    @cached_property
    def _patterns(self) -> tuple[tuple[str, Known], ...]:
        return tuple((host, known) for host, known in self.hosts.items() if "*" in host)

    def _known_as(self, name: str, spec: Spec, entry: Provider | None) -> Known:
        known = Known(name, spec, entry, frozenset({name}))
        if not any("*" in base for base in spec.own_bases):
            return known
        return replace(known, spec=filled(spec, endpoint_path(self.endpoint_of(known) or "")))

    def _known(self, name: str, entry: Provider) -> Known:
        spec = self.catalogue.by_name.get(name)
        if spec:
            return self._known_as(name, spec, entry)
        known = Known(name, custom_spec(name, self.resolved(entry.endpoint) or ""), entry, frozenset({name}))
        port = urlsplit(entry.endpoint or "").port
        return replace(known, ports=frozenset({port})) if port else known


def _at(known: Known, host: str) -> Known:
    """The provider at this one of its hosts."""
    endpoint = known.spec.endpoint
    if "*" in host or endpoint is None:
        return known
    return replace(known, spec=replace(known.spec, endpoint=urlsplit(endpoint)._replace(netloc=host).geturl()))


def _fits(name: str, pattern: str) -> bool:
    """Does a host fit a pattern of the catalogue, in which `*` does not cross a dot?"""
    labels, wanted = name.split("."), pattern.split(".")
    return len(labels) == len(wanted) and all(map(fnmatchcase, labels, wanted))

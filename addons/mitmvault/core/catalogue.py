"""The catalogue of known providers: YAML in, frozen `Spec`s out. A new provider is only YAML.

Rules: 1. Unknown fields are errors that name the provider, the field and the allowed names.
       2. No two providers share a name or a host: a request has one owner or none.
       3. The catalogue says how to talk to a provider; whether we may, and with which key, says the vault.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import yaml

from mitmvault.core.hostnames import normal
from mitmvault.core.refusal import DIALECTS

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_PATH = re.compile(r"(/[A-Za-z0-9._~:-]+)*\Z")
SCHEMES = {"bearer": ("authorization", "Bearer {}"), "x-api-key": ("x-api-key", "{}"),
           "x-goog-api-key": ("x-goog-api-key", "{}"), "api-key": ("api-key", "{}")}  # fmt: skip


class CatalogueError(ValueError):
    """The catalogue cannot be used; the message names the provider and the field."""


@dataclass(frozen=True)
class Auth:
    """One credential scheme; `when` restricts it to native paths in which that text occurs."""

    scheme: str
    when: str = ""

    @property
    def header(self) -> str:
        return SCHEMES[self.scheme][0]

    @property
    def template(self) -> str:
        return SCHEMES[self.scheme][1]


@dataclass(frozen=True)
class Dialect:
    """The error shape of native paths in which `when` occurs."""

    shape: str
    when: str = ""


@dataclass(frozen=True)
class Gateway:
    """Where the provider lives behind Cloudflare AI Gateway.

    `slug` is its name in `/v1/{account}/{gateway}/{slug}/...`; `keep_base` says whether the native base path
    (such as `/v1`) stays in what follows the slug. Cloudflare documents it provider by provider.
    """

    slug: str
    keep_base: bool = False


@dataclass(frozen=True)
class Spec:
    """How to talk to one provider."""

    id: str
    name: str = ""
    aliases: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    endpoint: str | None = None  # where the provider lives when the vault does not say
    base_path: str = ""  # the native base path, e.g. /openai/v1
    spellings: tuple[str, ...] = ()  # other base paths that mean the same
    versions: tuple[str, ...] = ()  # base paths that the client chooses between; kept as it spelled them
    chat_base: str | None = None  # base path of the OpenAI-compatible door, where it is not base_path
    auth: tuple[Auth, ...] = (Auth("bearer"),)
    errors: tuple[Dialect, ...] = (Dialect("openai"),)
    model_in_path: str | None = None  # e.g. /models/{model}
    gateway: Gateway | None = None
    embedded: bool = False  # served by mitmvault itself

    @property
    def names(self) -> tuple[str, ...]:
        return (self.id, *self.aliases)

    @property
    def bases(self) -> tuple[str, ...]:
        """Every base path a client may spell, the longest first."""
        chat = [self.chat_base] if self.chat_base else []
        return tuple(
            sorted({b for b in (self.base_path, *self.spellings, *self.versions, *chat) if b}, key=len, reverse=True)
        )

    def auth_for(self, path: str) -> Auth:
        """The scheme for a native path: the first whose `when` fits."""
        return next(auth for auth in self.auth if auth.when in path)

    def shape_for(self, path: str) -> str:
        """The error dialect for a native path: the first whose `when` fits."""
        return next(dialect.shape for dialect in self.errors if dialect.when in path)


@dataclass(frozen=True)
class Catalogue:
    """All known providers, found by name, alias or host."""

    specs: tuple[Spec, ...] = ()
    by_name: Mapping[str, Spec] = field(default_factory=dict)
    by_host: Mapping[str, Spec] = field(default_factory=dict)


def load(*texts: str) -> Catalogue:
    """Read one or more YAML texts; a later one adds providers or replaces those of the same id.

    Raises CatalogueError.
    """
    specs: dict[str, Spec] = {}
    for text in texts:
        try:
            document = yaml.safe_load(text) or {}
        except yaml.YAMLError as error:
            raise CatalogueError(f"the catalogue is not valid YAML: {error}") from error
        if not isinstance(document, dict):
            raise CatalogueError("the catalogue must map provider names to their fields")
        for name, entry in document.items():
            specs[str(name)] = _spec(str(name), entry)
    every = tuple(specs.values())
    return Catalogue(every, _index(every, "names"), _index(every, "hosts"))


def _index(specs: Iterable[Spec], attribute: str) -> dict[str, Spec]:
    index: dict[str, Spec] = {}
    for spec in specs:
        for value in getattr(spec, attribute):
            if value in index:
                raise CatalogueError(f"providers {index[value].id} and {spec.id} both claim {value!r}")
            index[value] = spec
    return index


def _spec(name: str, entry: Any) -> Spec:
    if not _NAME.match(name):
        raise CatalogueError(f"{name!r} is no provider name (letters, digits, dot, dash, underscore)")
    values = _known(Spec, name, entry)
    for key in ("aliases", "hosts", "spellings", "versions"):
        values[key] = tuple(_strings(name, key, values.get(key, ())))
    values["hosts"] = tuple(_host(name, host) for host in values["hosts"])
    for key in ("base_path", "chat_base"):
        if not _PATH.match(values.get(key) or ""):
            raise CatalogueError(f"{name}.{key}: must be a path such as /openai/v1")
    if "auth" in values:
        values["auth"] = tuple(Auth(**_known(Auth, f"{name}.auth", item)) for item in _list(name, "auth", values))
    if "errors" in values:
        values["errors"] = tuple(
            Dialect(**_known(Dialect, f"{name}.errors", item)) for item in _list(name, "errors", values)
        )
    if values.get("gateway"):
        values["gateway"] = Gateway(**_known(Gateway, f"{name}.gateway", values["gateway"]))
    spec = Spec(id=name, **values)
    _check_tables(spec)
    return spec


def _check_tables(spec: Spec) -> None:
    for auth in spec.auth:
        if auth.scheme not in SCHEMES:
            raise CatalogueError(f"{spec.id}.auth: unknown scheme {auth.scheme!r}; known: {', '.join(SCHEMES)}")
    for dialect in spec.errors:
        if dialect.shape not in DIALECTS:
            raise CatalogueError(f"{spec.id}.errors: unknown shape {dialect.shape!r}; known: {', '.join(DIALECTS)}")
    for key, table in (("auth", spec.auth), ("errors", spec.errors)):
        if not table or table[-1].when:
            raise CatalogueError(f"{spec.id}.{key}: the last one must have no 'when', so that one always fits")


def _known(shape: type, where: str, entry: Any) -> dict[str, Any]:
    allowed = [f.name for f in fields(shape) if not (shape is Spec and f.name == "id")]
    if not isinstance(entry, dict):
        raise CatalogueError(f"{where}: must be a mapping of {', '.join(allowed)}")
    for key in entry:
        if key not in allowed:
            raise CatalogueError(f"{where}: unknown field {key!r}; allowed: {', '.join(allowed)}")
    return dict(entry)


def _list(name: str, key: str, values: Mapping[str, Any]) -> list[Any]:
    if not isinstance(values[key], list):
        raise CatalogueError(f"{name}.{key}: must be a list")
    return values[key]


def _strings(name: str, key: str, value: Any) -> list[str]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise CatalogueError(f"{name}.{key}: must be a list of strings")
    return list(value)


def _host(name: str, host: str) -> str:
    if normal(host) != host:
        raise CatalogueError(f"{name}.hosts: {host!r} must be a lower-case host name without a port")
    return host

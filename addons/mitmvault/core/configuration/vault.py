"""The vault: providers, their keys and models, as seed README 003 describes `ai.json`.

Rules: 1. A message names the field by its path (`providers.groq.keys[1].key`) and never shows its content.
       2. What ends up in a header or a URL is checked here, once: no CR, LF, NUL, control or non-ASCII character.
       3. Unknown fields are tolerated here and survive in the raw document, of which `masked` is a copy to show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from mitmvault.core.configuration import endpoint, key_form
from mitmvault.core.formats import document
from mitmvault.core.formats.document import Document, DocumentError
from mitmvault.core.formats.field import Field
from mitmvault.core.formats.masked import masked as masked
from mitmvault.core.secret import Secret

_EXPIRED = "expired"
PROVIDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
GATEWAY_MODES = ("auto", "compat", "native", "rest", "universal")

_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
# Visible ASCII; blanks inside, not at the ends.
HEADER_SAFE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?\Z")


class VaultError(DocumentError):
    """The document is no vault. The text names the field, never its content."""


def is_expired(kind: str) -> bool:
    """Does this `type`, of a key or a user, say that it is never used again?"""
    return kind.strip().lower() == _EXPIRED


@dataclass(frozen=True)
class Key:
    """A provider key; `number` is its place in the vault, counted from 1, expired ones included."""

    secret: Secret
    owner: str
    type: str
    number: int
    form: str = key_form.TEXT
    name: str = ""  # by which people recognise it, where its last characters do not help

    @property
    def usable(self) -> bool:
        """Expired keys are never used."""
        return not is_expired(self.type)

    @cached_property
    def label(self) -> str:
        """How people recognise the key: `#2 …a1f3`."""
        return f"#{self.number} {self.name or self.secret.fingerprint}"


@dataclass(frozen=True)
class Model:
    """A model; a limit that nobody wrote down is None. The lowest priority is preferred."""

    id: str
    usage: str
    context_window: int | None
    max_output_tokens: int | None
    tpm_limit: int | None
    priority: int | None
    tags: tuple[str, ...]
    gateway_prefix: str | None


@dataclass(frozen=True)
class Provider:
    """A provider; an endpoint that is None comes from the catalogue."""

    name: str
    protocol: str
    endpoint: str | None
    gateway_endpoint: str | None
    gateway_model_prefix: str | None
    gateway_key: Secret | None
    allow_plain_http: bool
    keys: tuple[Key, ...]
    models: tuple[Model, ...]
    gateway_mode: str = "auto"
    gateway_id: str | None = None  # the gateway's name, where the address does not hold it
    region: str | None = None  # of AWS, where the endpoint does not hold it


@dataclass(frozen=True)
class Vault:
    """Everything that the proxy takes from the vault."""

    version: int
    providers: Mapping[str, Provider]


def parse(plain: bytes) -> Vault:
    """Read and check a decrypted vault."""
    return checked(load_document(plain))


def checked(raw: Document) -> Vault:
    """Check a raw document."""
    root = Field(raw, "", VaultError)
    version = root["version"].number()
    providers = {name: _provider(name, field) for name, field in root["providers"].members()}
    return Vault(1 if version is None else version, providers)


def load_document(plain: bytes) -> Document:
    """The raw document, for editors: unknown fields included."""
    return document.load(plain, VaultError)


def dump_document(raw: Document) -> bytes:
    """The raw document as JSON text: indented, stable, in UTF-8."""
    return document.dump(raw)


def _provider(name: str, field: Field) -> Provider:
    if not PROVIDER_NAME.match(name):
        field.fail("a provider's name is made of letters, digits, '.', '_' and '-'")
    plain_http = field["allowPlainHttp"].flag()
    gateway_key = field["gatewayKey"]
    return Provider(
        name=name,
        protocol=field["protocol"].text("openai") or "openai",
        endpoint=_url(field["endpoint"], plain_http),
        gateway_endpoint=_url(field["gatewayEndpoint"], plain_http),
        gateway_model_prefix=field["gatewayModelPrefix"].text("") or None,
        gateway_key=_secret(gateway_key) if gateway_key.value not in (None, "") else None,
        allow_plain_http=plain_http,
        keys=tuple(_key(inner, number) for number, inner in enumerate(field["keys"].items(), 1)),
        models=tuple(_model(inner) for inner in field["models"].items()),
        gateway_mode=_mode(field["gatewayMode"]),
        gateway_id=_gateway_id(field["gatewayId"]),
        region=_region(field["region"]),
    )


def _mode(field: Field) -> str:
    mode = field.text("auto") or "auto"
    if mode not in GATEWAY_MODES:
        field.fail(f"must be one of {', '.join(GATEWAY_MODES)}")
    return mode


def _gateway_id(field: Field) -> str | None:
    name = field.text("") or None
    if name and not PROVIDER_NAME.match(name):
        field.fail("must be the name of a gateway: letters, digits, '.', '_' and '-'")
    return name


def _region(field: Field) -> str | None:
    name = field.text("") or None
    if name and not _REGION.match(name):
        field.fail("must be the name of a region, such as eu-west-1")
    return name


def _key(field: Field, number: int) -> Key:
    inner = field["key"]
    try:
        found = key_form.read(inner.value)
    except key_form.KeyFormError as error:
        inner.fail(str(error))
    form, name = (found.form, found.name) if found else (key_form.TEXT, "")
    secret = _secret(Field(found.text, inner.path, VaultError) if found else inner)
    return Key(secret, field["owner"].text(""), field["type"].text(""), number, form, name)


def _model(field: Field) -> Model:
    return Model(
        id=field["id"].name(),
        usage=field["usage"].text("chat") or "chat",
        context_window=field["contextWindow"].number(),
        max_output_tokens=field["maxOutputTokens"].number(),
        tpm_limit=field["tpmLimit"].number(),
        priority=field["priority"].number(),
        tags=tuple(tag.text() for tag in field["tags"].items()),
        gateway_prefix=field["gatewayPrefix"].text("") or None,
    )


def _secret(field: Field) -> Secret:
    value = field.name()
    if not HEADER_SAFE.match(value):
        field.fail("must be visible ASCII characters, without blanks at its ends")
    return Secret(value)


def _url(field: Field, plain_http: bool) -> str | None:
    url = field.text("")
    if url and (problem := endpoint.problem(url, plain_http)):
        field.fail(problem)
    return url or None

"""The catalogue of known providers: YAML in, frozen `Spec`s out. A new provider is only YAML.

Rules: 1. Unknown fields are errors that name the provider, the field and the allowed names.
       2. No two providers share a name or a host: a request has one owner or none.
       3. The catalogue says how to talk to a provider; whether we may, and with which key, says the vault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mitmvault.core.answer.usage import SHAPES
from mitmvault.core.configuration import endpoint, key_form, path_model
from mitmvault.core.configuration.dummy_keys import is_shape
from mitmvault.core.configuration.hostnames import normal
from mitmvault.core.configuration.model_list import USUAL, ModelList
from mitmvault.core.formats.strict_yaml import read_yaml
from mitmvault.core.refusal import DIALECTS

Reader = Callable[[str, str, Any], Any]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*\Z")
_PATH = re.compile(r"(/([A-Za-z0-9._~:-]+|\*))*\Z")
_QUERY_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+(\?[A-Za-z0-9._~=&%-]+)?\Z")
_HEADER = re.compile(r"[A-Za-z0-9-]+: [\x20-\x7e]+\Z")
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
class InFrame:
    """Where messages of a WebSocket name the model, dotted: `setup.model`. Where `when` occurs in the native path, the
    handshake need not name it."""

    places: tuple[str, ...]
    when: str = ""


@dataclass(frozen=True)
class UsageAt:
    """Where answers to native paths in which `when` occurs state their tokens (core/answer/usage.py)."""

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
    labels: int = 0  # how many of the endpoint's host labels follow the slug: Azure's resource, Bedrock's region
    drop: str = ""  # what is left out of the path there: Workers AI's /run, Azure's /deployments
    compat: str = ""  # the prefix of its models at the compat endpoint, where that is not the slug
    author: str = ""  # the same at Cloudflare's REST API
    native_only: bool = False  # neither compat nor REST for it; of its paths those of `drop` alone, where that is set

    @property
    def prefix(self) -> str:
        return self.compat or self.slug

    @property
    def author_name(self) -> str:
        return self.author or self.slug


@dataclass(frozen=True)
class Spec:
    """How to talk to one provider."""

    id: str
    name: str = ""
    aliases: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()  # `*` stands for one label, or a part of one: *.openai.azure.com
    endpoint: str | None = None  # where the provider lives when the vault does not say
    base_path: str = ""  # the native base path, e.g. /openai/v1; `*` stands for a segment that the endpoint decides
    spellings: tuple[str, ...] = ()  # other base paths that mean the same
    versions: tuple[str, ...] = ()  # base paths that the client chooses between; kept as it spelled them
    chat_base: str | None = None  # base path of the OpenAI-compatible door, where it is not base_path
    auth: tuple[Auth, ...] = (Auth("bearer"),)
    errors: tuple[Dialect, ...] = (Dialect("openai"),)
    usage: tuple[UsageAt, ...] = (UsageAt("anthropic", "/messages"), UsageAt("openai"))
    prices: str = ""  # its name in the price list of the package genai-prices; "": not there
    model_in_path: tuple[str, ...] = ()  # e.g. /models/{model}: with what follows the model (see core.path_model)
    model_in_frame: tuple[InFrame, ...] = ()  # and in the messages of one
    model_in_query: tuple[str, ...] = ("model",)  # what names the model in the query of a WebSocket handshake
    models: tuple[str, ...] = ()  # patterns of its models' ids, for requests that name no provider; lower case
    list: ModelList | None = USUAL  # where it says itself which models it has; None: nowhere
    key_forms: tuple[str, ...] = ()  # of keys that are no text to be sent (see core.key_form)
    gateway: Gateway | None = None
    env: tuple[str, ...] = ()  # environment variables that may hold its keys; the first that is set counts
    base_url_env: Mapping[str, str] = field(default_factory=dict)  # an SDK's variable -> what goes behind our address
    key_shape: str = ""  # how its keys look, such as gsk_{52}
    confined: bool = False  # its keys open more than models: nothing outside the base paths is requested
    embedded: bool = False  # served by mitmvault itself
    wild: tuple[tuple[str, str], ...] = ()  # base path with `*` -> the same with the endpoint's segments (`filled`)

    @property
    def names(self) -> tuple[str, ...]:
        return (self.id, *self.aliases)

    @property
    def own_bases(self) -> tuple[str, ...]:
        """Every base path that stands for itself."""
        return tuple(base for base in (self.base_path, *self.versions, self.chat_base) if base)

    @property
    def bases(self) -> tuple[tuple[str, str], ...]:
        """Every base path a client may spell, and the one it stands for; the longest first."""
        spelt = {spelling: self._meant(spelling) for spelling in self.spellings if spelling}
        return tuple(
            sorted((dict(self.wild) | spelt | {b: b for b in self.own_bases}).items(), key=_length, reverse=True)
        )

    def _meant(self, spelling: str) -> str:
        """The base path that a spelling begins (it leaves out the rest), else the usual one."""
        return next((base for base in self.own_bases if base.startswith(spelling + "/")), self.base_path)

    def auth_for(self, path: str) -> Auth:
        """The scheme for a native path: the first whose `when` fits."""
        return next(auth for auth in self.auth if auth.when in path)

    def shape_for(self, path: str) -> str:
        """The error dialect for a native path: the first whose `when` fits."""
        return next(dialect.shape for dialect in self.errors if dialect.when in path)

    def usage_for(self, path: str) -> str:
        """How answers to a native path state their tokens: the first entry whose `when` fits."""
        return next(entry.shape for entry in self.usage if entry.when in path)


def _length(spelling: tuple[str, str]) -> int:
    return len(spelling[0])


def filled(spec: Spec, own_path: str) -> Spec:
    """The spec with the segments of an endpoint's own path in place of the `*` of its base paths.

    Where that path has none of these forms, the spec stays as it is.
    """
    for base in (base for base in spec.own_bases if "*" in base):
        values = own_path.split("/")[1 : base.count("/") + 1]
        wanted = base.split("/")[1:]
        if len(values) == len(wanted) and all(w in ("*", v) for w, v in zip(wanted, values, strict=True)):
            stars = [value for want, value in zip(wanted, values, strict=True) if want == "*"]
            return _with_segments(spec, stars)
    return spec


def _with_segments(spec: Spec, stars: list[str]) -> Spec:
    def concrete(base: str) -> str:
        left = iter(stars)
        return "/".join(next(left, "*") if segment == "*" else segment for segment in base.split("/"))

    return replace(
        spec,
        base_path=concrete(spec.base_path),
        versions=tuple(map(concrete, spec.versions)),
        chat_base=concrete(spec.chat_base) if spec.chat_base else None,
        wild=tuple((base, concrete(base)) for base in spec.own_bases if "*" in base),
    )


@dataclass(frozen=True)
class Catalogue:
    """All known providers, found by name, alias or host (`by_host` also holds patterns)."""

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
            document = read_yaml(text)
        except ValueError as error:
            raise CatalogueError(str(error)) from None
        if document is not None and not isinstance(document, dict):
            raise CatalogueError("the catalogue must map provider names to their fields")
        for name, entry in (document or {}).items():
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
    _check(name, "provider name", _NAME.match(name), "letters, digits, dot, dash, underscore")
    values = _known(Spec, name, entry)
    spec = Spec(id=name, **values)
    for key, table in (("auth", spec.auth), ("errors", spec.errors), ("usage", spec.usage)):
        _check(
            name, key, table and not table[-1].when, "a list whose last entry has no 'when', so that one always fits"
        )
    return spec


def _known(shape: type, where: str, entry: Any) -> dict[str, Any]:
    """The fields of an entry, each read by its reader. Unknown fields are errors (rule 1)."""
    readers = _READERS[shape]
    if not isinstance(entry, dict):
        raise CatalogueError(f"{where}: must be a mapping of {', '.join(readers)}")
    for key in entry:
        if key not in readers:
            raise CatalogueError(f"{where}: unknown field {key!r}; allowed: {', '.join(readers)}")
    return {key: readers[key](where, key, value) for key, value in entry.items()}


def _check(where: str, key: str, right: object, wanted: str, value: Any = "") -> None:
    if not right:
        given = f", not {value!r}" if value != "" else ""
        raise CatalogueError(f"{where}.{key}: must be {wanted}{given}")


def _text(where: str, key: str, value: Any) -> str:
    _check(where, key, isinstance(value, str), "a text")
    return str(value)


def _flag(where: str, key: str, value: Any) -> bool:
    _check(where, key, isinstance(value, bool), "true or false")
    return bool(value)


def _name(where: str, key: str, value: Any) -> str:
    _check(
        where, key, isinstance(value, str) and _NAME.match(value), "a name of letters, digits, dot, dash, underscore"
    )
    return str(value)


def _variable(where: str, key: str, value: Any) -> str:
    right = isinstance(value, str) and _VARIABLE.match(value)
    _check(where, key, right, "an environment variable such as OPENAI_API_KEY", value)
    return str(value)


def _base_urls(where: str, key: str, value: Any) -> dict[str, str]:
    right = isinstance(value, dict) and all(
        isinstance(name, str) and _VARIABLE.match(name) and isinstance(path, str) and _PATH.match(path)
        for name, path in value.items()
    )
    _check(where, key, right, "a mapping of environment variables to paths such as /groq")
    return dict(value)


def _shape(where: str, key: str, value: Any) -> str:
    _check(where, key, isinstance(value, str) and is_shape(value), "a form such as gsk_{52}", value)
    return str(value)


def _prefix(where: str, key: str, value: Any) -> str:
    right = isinstance(value, str) and all(map(_NAME.match, value.split("/")))
    _check(where, key, right, "a prefix of models such as perplexity", value)
    return str(value)


def _author(where: str, key: str, value: Any) -> str:
    right = isinstance(value, str) and _NAME.match(value.removeprefix("@"))
    _check(where, key, right, "a name such as google or @cf", value)
    return str(value)


def _host(where: str, key: str, value: Any) -> str:
    right = isinstance(value, str) and value and _is_host(value)
    _check(where, key, right, "a lower-case host name without scheme and port", value)
    return str(value)


def _is_host(value: str) -> bool:
    plain = value.replace("*", "x")  # the last two labels are spelled out: a pattern names hosts of one owner
    return normal(plain) == plain and "*" not in ".".join(value.split(".")[-2:])


def _path(where: str, key: str, value: Any) -> str:
    _check(where, key, isinstance(value, str) and _PATH.match(value), "a path such as /openai/v1")
    return str(value)


def _model_path(where: str, key: str, value: Any) -> str:
    right = isinstance(value, str) and path_model.is_template(value)
    _check(where, key, right, f"a path such as {', '.join(path_model.EXAMPLES)}", value)
    return str(value)


def _count(where: str, key: str, value: Any) -> int:
    _check(where, key, type(value) is int and value >= 0, "a whole number")
    return int(value)


def _endpoint(where: str, key: str, value: Any) -> str:
    wrong = endpoint.problem(value, plain_http=False) if isinstance(value, str) else "must be a text"
    if wrong:
        raise CatalogueError(f"{where}.{key}: {wrong}")
    return str(value)


def _query_path(where: str, key: str, value: Any) -> str:
    right = isinstance(value, str) and _QUERY_PATH.match(value)
    _check(where, key, right, "a path such as /models?limit=1000", value)
    return str(value)


def _headers(where: str, key: str, value: Any) -> tuple[tuple[str, str], ...]:
    right = isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(text, str) and _HEADER.match(f"{name}: {text}")
        for name, text in value.items()
    )
    _check(where, key, right, "a mapping of header names to texts (put dates and numbers in quotes)")
    return tuple(value.items())


def _model_list(where: str, key: str, value: Any) -> ModelList | None:
    return None if value is False else ModelList(**_known(ModelList, f"{where}.{key}", value))


def _one_of(table: Iterable[str]) -> Reader:
    names = tuple(table)

    def read(where: str, key: str, value: Any) -> str:
        _check(where, key, isinstance(value, str) and value in names, f"one of {', '.join(names)}", value)
        return str(value)

    return read


def _list(reader: Reader) -> Reader:
    def read(where: str, key: str, value: Any) -> tuple[Any, ...]:
        _check(where, key, isinstance(value, list), "a list")
        return tuple(reader(where, key, item) for item in value)

    return read


def _shaped(shape: type, required: str) -> Reader:
    def read(where: str, key: str, value: Any) -> Any:
        values = _known(shape, f"{where}.{key}", value)
        _check(where, key, required in values, f"a mapping with {required!r}")
        return shape(**values)

    return read


_READERS: dict[type, dict[str, Reader]] = {
    Auth: {"scheme": _one_of(SCHEMES), "when": _text},
    InFrame: {"places": _list(_name), "when": _text},
    Dialect: {"shape": _one_of(DIALECTS), "when": _text},
    UsageAt: {"shape": _one_of(SHAPES), "when": _text},
    Gateway: {"slug": _name, "keep_base": _flag, "labels": _count, "drop": _path, "compat": _prefix,
              "author": _author, "native_only": _flag},
    ModelList: {"path": _query_path, "items": _text, "id": _text, "strip": _text, "headers": _headers},
    Spec: {
        "name": _text, "aliases": _list(_name), "hosts": _list(_host), "endpoint": _endpoint, "base_path": _path,
        "spellings": _list(_path), "versions": _list(_path), "chat_base": _path, "auth": _list(_shaped(Auth, "scheme")),
        "key_forms": _list(_one_of(key_form.NAMES)),
        "errors": _list(_shaped(Dialect, "shape")), "usage": _list(_shaped(UsageAt, "shape")), "prices": _name,
        "model_in_path": _list(_model_path),
        "model_in_query": _list(_name), "model_in_frame": _list(_shaped(InFrame, "places")),
        "models": _list(_text), "gateway": _shaped(Gateway, "slug"), "list": _model_list,
        "env": _list(_variable), "base_url_env": _base_urls, "key_shape": _shape, "confined": _flag, "embedded": _flag,
    },
}  # fmt: skip

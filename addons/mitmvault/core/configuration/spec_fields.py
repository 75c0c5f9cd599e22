"""The fields of a provider in the catalogue: what each may be, and what is said where it is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from mitmvault.core.configuration import endpoint, key_form, path_model
from mitmvault.core.configuration.dummy_keys import is_shape
from mitmvault.core.configuration.hostnames import normal
from mitmvault.core.configuration.model_list import ModelList
from mitmvault.core.configuration.spec import SCHEMES, Auth, Dialect, Gateway, InFrame, Spec, UsageAt
from mitmvault.core.formats.usage_shapes import SHAPES
from mitmvault.core.refusal import DIALECTS

Reader = Callable[[str, str, Any], Any]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*\Z")
_PATH = re.compile(r"(/([A-Za-z0-9._~:-]+|\*))*\Z")
_QUERY_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+(\?[A-Za-z0-9._~=&%-]+)?\Z")
_HEADER = re.compile(r"[A-Za-z0-9-]+: [\x20-\x7e]+\Z")


class CatalogueError(ValueError):
    """The catalogue cannot be used; the message names the provider and the field."""


def is_name(value: object) -> bool:
    """Could a provider be called so?"""
    return isinstance(value, str) and bool(_NAME.match(value))


def known(shape: type, where: str, entry: Any) -> dict[str, Any]:
    """The fields of an entry, each read by its reader. Raises CatalogueError, for unknown ones too."""
    readers = _READERS[shape]
    if not isinstance(entry, dict):
        raise CatalogueError(f"{where}: must be a mapping of {', '.join(readers)}")
    for key in entry:
        if key not in readers:
            raise CatalogueError(f"{where}: unknown field {key!r}; allowed: {', '.join(readers)}")
    return {key: readers[key](where, key, value) for key, value in entry.items()}


def check(where: str, key: str, right: object, wanted: str, value: Any = "") -> None:
    """Raises CatalogueError unless `right`; `wanted` says what it must be, `value` what it is."""
    if not right:
        given = f", not {value!r}" if value != "" else ""
        raise CatalogueError(f"{where}.{key}: must be {wanted}{given}")


def _text(where: str, key: str, value: Any) -> str:
    check(where, key, isinstance(value, str), "a text")
    return str(value)


def _flag(where: str, key: str, value: Any) -> bool:
    check(where, key, isinstance(value, bool), "true or false")
    return bool(value)


def _name(where: str, key: str, value: Any) -> str:
    check(where, key, is_name(value), "a name of letters, digits, dot, dash, underscore")
    return str(value)


def _variable(where: str, key: str, value: Any) -> str:
    right = isinstance(value, str) and _VARIABLE.match(value)
    check(where, key, right, "an environment variable such as OPENAI_API_KEY", value)
    return str(value)


def _base_urls(where: str, key: str, value: Any) -> dict[str, str]:
    right = isinstance(value, dict) and all(
        isinstance(name, str) and _VARIABLE.match(name) and isinstance(path, str) and _PATH.match(path)
        for name, path in value.items()
    )
    check(where, key, right, "a mapping of environment variables to paths such as /groq")
    return dict(value)


def _shape(where: str, key: str, value: Any) -> str:
    check(where, key, isinstance(value, str) and is_shape(value), "a form such as gsk_{52}", value)
    return str(value)


def _prefix(where: str, key: str, value: Any) -> str:
    right = isinstance(value, str) and all(map(_NAME.match, value.split("/")))
    check(where, key, right, "a prefix of models such as perplexity", value)
    return str(value)


def _author(where: str, key: str, value: Any) -> str:
    right = isinstance(value, str) and _NAME.match(value.removeprefix("@"))
    check(where, key, right, "a name such as google or @cf", value)
    return str(value)


def _host(where: str, key: str, value: Any) -> str:
    right = isinstance(value, str) and value and _is_host(value)
    check(where, key, right, "a lower-case host name without scheme and port", value)
    return str(value)


def _is_host(value: str) -> bool:
    plain = value.replace("*", "x")  # the last two labels are spelled out: a pattern names hosts of one owner
    return normal(plain) == plain and "*" not in ".".join(value.split(".")[-2:])


def _path(where: str, key: str, value: Any) -> str:
    check(where, key, isinstance(value, str) and _PATH.match(value), "a path such as /openai/v1")
    return str(value)


def _model_path(where: str, key: str, value: Any) -> str:
    right = isinstance(value, str) and path_model.is_template(value)
    check(where, key, right, f"a path such as {', '.join(path_model.EXAMPLES)}", value)
    return str(value)


def _count(where: str, key: str, value: Any) -> int:
    check(where, key, type(value) is int and value >= 0, "a whole number")
    return int(value)


def _endpoint(where: str, key: str, value: Any) -> str:
    wrong = endpoint.problem(value, plain_http=False) if isinstance(value, str) else "must be a text"
    if wrong:
        raise CatalogueError(f"{where}.{key}: {wrong}")
    return str(value)


def _query_path(where: str, key: str, value: Any) -> str:
    right = isinstance(value, str) and _QUERY_PATH.match(value)
    check(where, key, right, "a path such as /models?limit=1000", value)
    return str(value)


def _headers(where: str, key: str, value: Any) -> tuple[tuple[str, str], ...]:
    right = isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(text, str) and _HEADER.match(f"{name}: {text}")
        for name, text in value.items()
    )
    check(where, key, right, "a mapping of header names to texts (put dates and numbers in quotes)")
    return tuple(value.items())


def _model_list(where: str, key: str, value: Any) -> ModelList | None:
    return None if value is False else ModelList(**known(ModelList, f"{where}.{key}", value))


def _one_of(table: Iterable[str]) -> Reader:
    names = tuple(table)

    def read(where: str, key: str, value: Any) -> str:
        check(where, key, isinstance(value, str) and value in names, f"one of {', '.join(names)}", value)
        return str(value)

    return read


def _list(reader: Reader) -> Reader:
    def read(where: str, key: str, value: Any) -> tuple[Any, ...]:
        check(where, key, isinstance(value, list), "a list")
        return tuple(reader(where, key, item) for item in value)

    return read


def _shaped(shape: type, required: str) -> Reader:
    def read(where: str, key: str, value: Any) -> Any:
        values = known(shape, f"{where}.{key}", value)
        check(where, key, required in values, f"a mapping with {required!r}")
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

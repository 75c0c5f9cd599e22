"""The catalogue of known providers: YAML in, frozen `Spec`s out. A new provider is only YAML.

Rules: 1. Unknown fields are errors that name the provider, the field and the allowed names.
       2. No two providers share a name or a host: a request has one owner or none.
       3. The catalogue says how to talk to a provider; whether we may, and with which key, says the vault.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mitmvault.core.configuration.spec import Spec
from mitmvault.core.configuration.spec_fields import CatalogueError, check, is_name, known
from mitmvault.core.formats.strict_yaml import read_yaml


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
    check(name, "provider name", is_name(name), "letters, digits, dot, dash, underscore")
    values = known(Spec, name, entry)
    spec = Spec(id=name, **values)
    for key, table in (("auth", spec.auth), ("errors", spec.errors), ("usage", spec.usage)):
        check(name, key, table and not table[-1].when, "a list whose last entry has no 'when', so that one always fits")
    return spec

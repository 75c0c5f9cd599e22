"""The keys of a provider in the vault: expired, missing, of a form that it does not take, in need of an extra."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import util

from mitmvault.core.configuration.key_form import AWS, GOOGLE, TEXT
from mitmvault.core.configuration.vault import Provider
from mitmvault.core.doctor.finding import FAIL, WARN, Finding

# Keys of this form in the vault -> the module that they need, and the extra that brings it.
_NEEDED = {AWS: ("botocore", "bedrock"), GOOGLE: ("google.auth", "vertex")}


def look(name: str, provider: Provider, forms: tuple[str, ...]) -> Iterator[Finding]:
    """What is wrong with the keys of a provider, which takes keys of these forms beside texts."""
    usable = {key.form for key in provider.keys if key.usable}
    add = f"mitmvault init --key {name}"
    if not provider.keys:
        yield Finding("vault", name, WARN, f"{name} has no key, so requests to it are refused", f"{add} adds one")
    elif usable and usable.isdisjoint((TEXT, *forms)):
        text = f"{name} takes no key of this form, so requests to it are refused"
        yield Finding("vault", name, FAIL, text, f"{add} adds one that it takes")
    expired = [key.label for key in provider.keys if not key.usable]
    if expired:
        none = len(expired) == len(provider.keys)
        some = len(expired) > 1
        text = f"{'keys' if some else 'key'} {', '.join(expired)} of {name} {'are' if some else 'is'} expired"
        text += "; it has no other, so requests to it are refused" if none else ", and not used"
        yield Finding("vault", name, FAIL if none else WARN, text, f"{add} adds a fresh one")
    for form in usable & _NEEDED.keys():
        module, extra = _NEEDED[form]
        if not _installed(module):
            text = f"the keys of {name} need the Python package {module}"
            yield Finding("vault", name, FAIL, text, f"pip install 'mitmvault[{extra}]'")


def _installed(module: str) -> bool:
    try:
        return util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False

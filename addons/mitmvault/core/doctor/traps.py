"""Traps in a person's own environment: variables that lead programs around the proxy, or away from its authority.

Rules: 1. `mitmvault run` sets all of them anew for its program, so a trap is one for programs started in any other way;
          NO_PROXY alone is kept, and leads around the proxy under `mitmvault run` as well.
       2. Values are not repeated unless they are paths or addresses: a proxy's address may hold a password.

Sources: PROVIDERS.md, sections 8 and 9, where each client was tried.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from urllib.parse import urlsplit

from mitmvault.core.configuration import dummy_keys
from mitmvault.core.configuration.spec import Spec
from mitmvault.core.doctor.finding import FAIL, NOTE, OK, WARN, Finding

AREA = "environment"
RUN = "mitmvault run -- COMMAND sets it right for COMMAND"
# Variables that name a file of authorities -> does it replace the program's store (else it adds to it)?
AUTHORITIES = {
    "SSL_CERT_FILE": True,
    "REQUESTS_CA_BUNDLE": True,
    "CURL_CA_BUNDLE": True,
    "AWS_CA_BUNDLE": True,
    "PIP_CERT": True,
    "GIT_SSL_CAINFO": True,
    "CARGO_HTTP_CAINFO": True,
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": True,
    "NODE_EXTRA_CA_CERTS": False,
    "DENO_CERT": False,
}


def proxied(environ: Mapping[str, str]) -> str | None:
    """The host and port of the proxy that programs of this environment use for HTTPS, without its credentials."""
    value = _either(environ, "https_proxy") or _either(environ, "all_proxy")
    try:
        parts = urlsplit(value if "//" in value else f"//{value}")
        return f"{parts.hostname}:{parts.port}" if parts.hostname else None
    except ValueError:
        return None


def has_credentials(environ: Mapping[str, str]) -> bool:
    """Does the proxy's address in this environment hold a token?"""
    return "@" in _either(environ, "https_proxy")


def find(
    environ: Mapping[str, str],
    ours: str | None,
    trusts: Callable[[str], bool | None],
    usual: Collection[str],
    specs: Collection[Spec],
    known: Callable[[str], bool] = lambda value: False,
) -> Iterator[Finding]:
    """What is wrong with an environment. `ours` is the proxy's HOST:PORT; None where none runs.

    `trusts`: does this file of authorities hold ours? None where it cannot be read. `usual`: files of the system's own
    authorities; a variable that names one says what is so anyway, and matters only to programs that use the proxy.
    `known`: is this a token of one of our users, and so no provider's key?
    """
    yield _proxy(environ, ours)
    yield from _authorities(environ, trusts, () if ours and proxied(environ) == ours else usual)
    if len({environ.get(name, "") for name in ("HTTPS_PROXY", "https_proxy")} - {""}) > 1:
        text = "HTTPS_PROXY and https_proxy differ: some programs read the one, some the other"
        yield Finding(AREA, "https_proxy", WARN, text, "set both to the same, or unset one")
    hosts = {host for spec in specs for host in spec.hosts}
    around = sorted(host for host in hosts if _is_excepted(host, environ))
    if around:
        text = f"NO_PROXY leads around the proxy for {', '.join(around[:3])}{' …' if len(around) > 3 else ''}"
        remedy = "take these hosts out of NO_PROXY and no_proxy; mitmvault run keeps what is in them"
        yield Finding(AREA, "NO_PROXY", FAIL, text, remedy)
    keys = sorted(name for name, value in environ.items() if _is_key(name, value, specs) and not known(value))
    if keys:
        text = f"what looks like a real provider key is in {', '.join(keys)}"
        remedy = (
            "mitmvault init --env-keys puts keys into the vault; then unset it. Under mitmvault run, a dummy is there"
        )
        yield Finding(AREA, "keys", WARN, text, remedy)


def _proxy(environ: Mapping[str, str], ours: str | None) -> Finding:
    found = proxied(environ)
    if found is None:
        text = "HTTPS_PROXY is not set: programs that you start yourself do not use the proxy"
        return Finding(AREA, "HTTPS_PROXY", NOTE, text, 'mitmvault run -- COMMAND, or eval "$(mitmvault env)"')
    if found != ours:
        text = f"HTTPS_PROXY names {found}, " + (f"and the proxy is {ours}" if ours else "and no proxy of ours runs")
        return Finding(AREA, "HTTPS_PROXY", WARN, text, 'eval "$(mitmvault env)" sets it to ours')
    return Finding(AREA, "HTTPS_PROXY", OK, f"programs use the proxy {found}")


def _authorities(
    environ: Mapping[str, str], trusts: Callable[[str], bool | None], harmless: Collection[str]
) -> Iterator[Finding]:
    for name, replaces in AUTHORITIES.items():
        path = environ.get(name)
        if not path:
            continue
        trusted = trusts(path)
        if trusted is False and (path in harmless or (harmless and not replaces)):
            continue  # no program that uses the proxy reads it
        if trusted:
            yield Finding(AREA, name, OK, f"{path} holds our authority")
        elif trusted is None:
            text = f"{name} names {path}, which cannot be read as a file of certificates"
            yield Finding(AREA, name, FAIL, text, f'unset {name}, or eval "$(mitmvault env)"; {RUN}')
        else:
            what = "replaces the programs' store" if replaces else "adds to the programs' store"
            text = f"{name} names {path}, which does not hold our authority; it {what}"
            remedy = f'eval "$(mitmvault env)", or add ours: mitmvault ca export >> {path}; {RUN}'
            yield Finding(AREA, name, FAIL, text, remedy)


def _is_excepted(host: str, environ: Mapping[str, str]) -> bool:
    """Does NO_PROXY name this host, or a domain above it? As most clients read it."""
    host = host.removeprefix("*.")
    entries = _either(environ, "no_proxy").split(",")
    names = [entry.strip().lower().removeprefix("*").lstrip(".").partition(":")[0] for entry in entries]
    everything = bool(proxied(environ)) and any(entry.strip() == "*" for entry in entries)  # `mitmvault run` drops *
    return everything or any(name and (host == name or host.endswith("." + name)) for name in names)


def _either(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name.lower()) or environ.get(name.upper(), "")


def _is_key(name: str, value: str, specs: Collection[Spec]) -> bool:
    """By the variable's name, or by the look of the value: not every provider's keys have a prefix."""
    if not value or dummy_keys.is_dummy(value):
        return False
    return any(name in spec.env or dummy_keys.looks_like(spec.key_shape, value) for spec in specs)

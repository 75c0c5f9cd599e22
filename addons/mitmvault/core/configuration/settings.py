"""The settings of a home, `mitmvault.yaml`: YAML in, one frozen dataclass out.

Rules: 1. Unknown settings are errors that name the allowed ones.
       2. Defaults are safe: loopback, closed, nothing passed through that was not asked for.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from mitmvault.core.configuration import endpoint
from mitmvault.core.configuration.hostnames import normal, split_authority
from mitmvault.core.configuration.networks import Network
from mitmvault.core.configuration.rate_limit import Rate, rate
from mitmvault.core.formats.strict_yaml import read_yaml

_SIZES = {"": 1, "b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30}
_SIZE = re.compile(r"(\d+)\s*([kmg]?b?)\Z", re.I)
_GATEWAY = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
MAX_RETRY = 10
MAX_DAYS = 36500
MAX_STORED = 64 * 2**20
_STORED = 2**20
UNMATCHED = ("tunnel", "refuse")
METRICS = ("admin", "loopback", "off")
LOG_FORMATS = ("text", "json")


class SettingsError(ValueError):
    """The settings cannot be used; the message names the setting."""


@dataclass(frozen=True)
class Settings:
    """What an operator may decide. Every field is a key of mitmvault.yaml."""

    unmatched: str | None = None  # tunnel | refuse; None: tunnel TLS on a loopback bind, refuse elsewhere
    allow_networks: tuple[Network, ...] = ()  # private networks that clients may reach through a tunnel
    names: tuple[str, ...] = ()  # more names of this proxy, for base-URL clients: host or host:port
    allow_origins: tuple[str, ...] = ()  # web origins whose pages may use the base URL; "*" is every one
    body_limit: int = 32 * 2**20  # bytes of a request body that are read before they are sent on
    retry: int = 0  # further attempts after one that failed, at most 10
    idle_timeout: int = 1800  # seconds of silence after which a connection is closed; at least 600
    rate_limit: Rate | None = None  # requests by address and path, whether or not they carry a token; None: any number
    public_vault: bool = False  # may anybody download the encrypted vault?
    metrics: str = "admin"  # who may read /metrics: admin | loopback (as well, without a token) | off
    otlp_endpoint: str | None = None  # a collector for OpenTelemetry, such as http://127.0.0.1:4318; read at the start
    log_format: str = "text"  # of what is written to the terminal: text | json
    response_headers: bool = False  # do answers carry the request's id and the overhead?
    ledger_days: int = 90  # how long the ledger keeps what happened; 0: nothing is recorded
    include_usage: bool = False  # are chat streams asked to state their tokens, where they do so on demand alone?
    models_timeout: int = 5  # seconds that GET /v1/models waits for a provider's own list
    default_model: str | None = None  # where the model chooses the provider: for "default", and for no model at all
    environment_keys: bool = True  # are provider keys taken from the environment, where the vault has none?
    gateways: tuple[str, ...] | None = None  # what /g/NAME/ may choose; None: any gateway of the account
    store_bodies: int = 0  # bytes of a streamed answer that are kept for people to look at; 0: none
    upstream_ca: str | None = None  # PEM file of authorities trusted for providers, beside the usual ones

    def knows_name(self, host: str, port: int) -> bool:
        """Is this one of the names the operator gave the proxy?"""
        return host in self.names or f"{host}:{port}" in self.names


def load(text: str, defaults: Settings | None = None) -> Settings:
    """Read mitmvault.yaml; what it does not say stays as in `defaults`. Raises SettingsError."""
    defaults = defaults or Settings()
    try:
        document = read_yaml(text)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    allowed = [field.name for field in fields(Settings)]
    if document is None:
        return defaults
    if not isinstance(document, dict):
        raise SettingsError(f"the settings must be a mapping of {', '.join(allowed)}")
    for key in document:
        if key not in allowed:
            raise SettingsError(f"unknown setting {key!r}; allowed: {', '.join(allowed)}")
    said = {key: _READERS[key](key, value) for key, value in document.items() if value is not None}
    return replace(defaults, **said)


def _one_of(*words: str) -> Callable[[str, Any], str]:
    def read(key: str, value: Any) -> str:
        word = "off" if value is False else value  # YAML takes a bare off for false
        if word not in words:
            raise SettingsError(f"{key}: must be one of {', '.join(words)}")
        return str(word)

    return read


def _networks(key: str, value: Any) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(item) for item in _texts(key, value))
    except ValueError as error:
        raise SettingsError(f"{key}: {error}; write networks such as 10.20.0.0/16") from None


def _names(key: str, value: Any) -> tuple[str, ...]:
    names = _texts(key, value)
    found = []
    for name in names:
        authority = split_authority(name, "http") or split_authority(f"[{name}]", "http")
        if authority is None:
            raise SettingsError(f"{key}: {name!r} is no host or host:port")
        with_port = re.search(r":[0-9]+\Z", name) and not normal(name)
        found.append(f"{authority[0]}:{authority[1]}" if with_port else authority[0])
    return tuple(found)


def _origins(key: str, value: Any) -> tuple[str, ...]:
    return tuple(origin.lower().rstrip("/") for origin in _texts(key, value))


def _texts(key: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise SettingsError(f"{key}: must be a list of strings")
    return value


def _size(key: str, value: Any) -> int:
    match = _SIZE.match(str(value))
    if not match or isinstance(value, bool):
        raise SettingsError(f"{key}: must be a size such as 32MB")
    unit = match[2].lower()
    return int(match[1]) * _SIZES[unit if unit in _SIZES else unit + "b"]


def _kept(key: str, value: Any) -> int:
    if isinstance(value, bool):
        return _STORED if value else 0
    size = _size(key, value)
    if size > MAX_STORED:
        raise SettingsError(f"{key}: must be at most {MAX_STORED // 2**20}MB, for each answer")
    return size


def _seconds(key: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 600:
        raise SettingsError(f"{key}: must be a whole number of seconds, at least 600: models may think that long")
    return value


def _retry(key: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_RETRY:
        raise SettingsError(f"{key}: must be a whole number of further attempts, from 0 to {MAX_RETRY}")
    return value


def _rate(key: str, value: Any) -> Rate:
    found = rate(value) if isinstance(value, str) else None
    if found is None:
        raise SettingsError(f"{key}: must be a rate such as 10/60s, 100/m or 1000/h")
    return found


def _flag(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise SettingsError(f"{key}: must be true or false")
    return value


def _patience(key: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 60:
        raise SettingsError(f"{key}: must be a whole number of seconds from 1 to 60")
    return value


def _days(key: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_DAYS:
        raise SettingsError(f"{key}: must be a whole number of days, from 0 (nothing is recorded) to {MAX_DAYS}")
    return value


def _model(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SettingsError(f"{key}: must be a model such as openai/gpt-4o")
    return value


def _gateways(key: str, value: Any) -> tuple[str, ...]:
    names = _texts(key, value)
    if not all(map(_GATEWAY.match, names)):
        raise SettingsError(f"{key}: must be names of letters, digits, '-' and '_'")
    return tuple(names)


def _url(key: str, value: Any) -> str:
    wrong = endpoint.problem(value, plain_http=True) if isinstance(value, str) else "must be a URL"
    if wrong:
        raise SettingsError(f"{key}: {wrong}")
    return str(value)


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise SettingsError(f"{key}: must be a string")
    return value


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "unmatched": _one_of(*UNMATCHED),
    "allow_networks": _networks,
    "names": _names,
    "allow_origins": _origins,
    "body_limit": _size,
    "retry": _retry,
    "idle_timeout": _seconds,
    "rate_limit": _rate,
    "public_vault": _flag,
    "metrics": _one_of(*METRICS),
    "otlp_endpoint": _url,
    "log_format": _one_of(*LOG_FORMATS),
    "response_headers": _flag,
    "ledger_days": _days,
    "include_usage": _flag,
    "models_timeout": _patience,
    "default_model": _model,
    "environment_keys": _flag,
    "gateways": _gateways,
    "store_bodies": _kept,
    "upstream_ca": _text,
}

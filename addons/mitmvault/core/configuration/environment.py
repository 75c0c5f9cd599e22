"""What an operator may say in environment variables, as the reference systems 000 to 003 read them.

Rules: 1. A list is a JSON array of strings, else separated by commas, else one value. Digits are a value as well: in
          reference system 002, a token that was a number switched authentication off.
       2. What cannot be used is an error that names the variable, never its content.
       3. Of a token only the digest stays; a key becomes a `Secret`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from mitmvault.core.configuration.dummy_keys import is_dummy
from mitmvault.core.configuration.settings import MAX_RETRY
from mitmvault.core.configuration.users import MIN_TOKEN, VISIBLE, digest
from mitmvault.core.configuration.vault import HEADER_SAFE
from mitmvault.core.secret import Secret

TOKENS = ("PROXY_API_KEY", "AUTH_TOKEN", "WORKER_ACCESS_KEY")  # of systems 002, 001 and 000
ACCOUNT = "CLOUDFLARE_ACCOUNT_ID"
GATEWAY = "AI_GATEWAY_NAME"
GATEWAY_TOKENS = ("CLOUDFLARE_AIG_TOKEN", "CF_AIG_TOKEN")  # of systems 003 and 002; the first that is set
DEFAULT_MODEL = "DEFAULT_MODEL"
RETRY = "RETRY"
NAMES = (*TOKENS, ACCOUNT, GATEWAY, *GATEWAY_TOKENS, DEFAULT_MODEL, RETRY)

_SEGMENT = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_ATTEMPTS = re.compile(f"({'|'.join(map(str, range(MAX_RETRY + 1)))})\\Z")
_array = msgspec.json.Decoder(list[str])


class VariableError(ValueError):
    """A variable cannot be used. The text names it, never its content."""


@dataclass(frozen=True)
class Token:
    """A user token of the environment: the digest, the name of whoever sends it, and the variable."""

    user: str
    sha256: str
    variable: str


@dataclass(frozen=True)
class ProviderKey:
    """A provider's key. By the digest, a user token that stands there by mistake is found."""

    secret: Secret
    sha256: str


@dataclass(frozen=True)
class Environment:
    """Everything that the variables say; what is not set is empty or None."""

    tokens: tuple[Token, ...] = ()
    keys: Mapping[str, tuple[ProviderKey, ...]] = field(default_factory=dict)  # by variable
    account: str | None = None
    gateway: str | None = None
    gateway_token: Secret | None = None
    default_model: str | None = None
    retry: int = 0
    warnings: tuple[str, ...] = ()


def read(environ: Mapping[str, str], key_variables: Iterable[str] = ()) -> Environment:
    """Read the variables that mean something to us. `key_variables` may hold provider keys. Raises VariableError."""
    tokens = [(name, values(name, environ.get(name, ""), VISIBLE)) for name in TOKENS]
    keys = {name: _real(values(name, environ.get(name, ""), HEADER_SAFE)) for name in key_variables}
    account, gateway = _one(environ, ACCOUNT, _SEGMENT), _one(environ, GATEWAY, _SEGMENT)
    gateway_token = next(filter(None, (_one(environ, name, HEADER_SAFE) for name in GATEWAY_TOKENS)), None)
    return Environment(
        tokens=tuple(_named(tokens)),
        keys={name: tuple(ProviderKey(Secret(key), digest(key)) for key in found) for name, found in keys.items()},
        account=account,
        gateway=gateway,
        gateway_token=Secret(gateway_token) if gateway_token else None,
        default_model=_one(environ, DEFAULT_MODEL, HEADER_SAFE),
        retry=int(_one(environ, RETRY, _ATTEMPTS) or 0),
        warnings=tuple(_warnings(tokens, gateway is not None and account is None)),
    )


def _warnings(tokens: Iterable[tuple[str, tuple[str, ...]]], accountless: bool) -> Iterator[str]:
    for name, found in tokens:
        if any(len(token) < MIN_TOKEN for token in found):
            yield f"{name} holds a token of fewer than {MIN_TOKEN} characters, which is soon guessed: use a longer one"
    if accountless:
        yield f"{GATEWAY} has no effect without {ACCOUNT}: requests go to the providers directly"


def values(name: str, text: str, wanted: re.Pattern[str]) -> tuple[str, ...]:
    """The values of a list (rule 1), each once, in their order. Raises VariableError."""
    text = text.strip()
    found = _of_array(name, text) if text.startswith("[") else text.split(",")
    trimmed = [value.strip() for value in found]
    for value in filter(None, trimmed):
        if not wanted.match(value):
            raise VariableError(f"{name}: {_WRONG[wanted]}")
    return tuple(dict.fromkeys(filter(None, trimmed)))


def _real(found: Iterable[str]) -> tuple[str, ...]:
    """Without what `mitmvault env` put in the place of keys."""
    return tuple(value for value in found if not is_dummy(value))


def _of_array(name: str, text: str) -> list[str]:
    try:
        return _array.decode(text.encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        problem = f"{name}: what begins with '[' must be a JSON array of strings"
    raise VariableError(problem)  # outside the handler: those exceptions may hold the text


def _one(environ: Mapping[str, str], name: str, wanted: re.Pattern[str]) -> str | None:
    value = environ.get(name, "").strip()
    if value and not wanted.match(value):
        raise VariableError(f"{name}: {_WRONG[wanted]}")
    return value or None


def _named(tokens: Iterable[tuple[str, tuple[str, ...]]]) -> Iterator[Token]:
    """PROXY_API_KEY is of the user proxy-api-key, its second token of proxy-api-key-2."""
    for variable, found in tokens:
        user = variable.lower().replace("_", "-")
        for number, token in enumerate(found, 1):
            yield Token(user if number == 1 else f"{user}-{number}", digest(token), variable)


_WRONG = {
    VISIBLE: "must be visible ASCII characters, without blanks",
    HEADER_SAFE: "must be visible ASCII characters, without blanks at its ends",
    _ATTEMPTS: f"must be a whole number from 0 to {MAX_RETRY}",
    _SEGMENT: "must be a name of letters, digits, '-' and '_', at most 64",
}

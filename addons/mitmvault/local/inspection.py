"""What reached a provider: which credentials, and whether a user token is among it. Pure; no I/O.

Rules: 1. The token is looked for everywhere it could be: target, every header, cookies, query, body.
       2. What is found is reported by place. The words themselves are only used to blot them out (`blotted`).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, unquote_plus

from mitmvault.core.secret import Secret

# The headers in which providers take a key, spelled as people know them.
KEY_HEADERS = {
    "authorization": "Authorization",
    "x-api-key": "x-api-key",
    "x-goog-api-key": "x-goog-api-key",
    "api-key": "api-key",
}
# A demo request is small. What lies behind this is not searched, and the report says so.
BODY_LIMIT = 256 * 1024
MAX_SEGMENTS = 16

# A token's alphabet is the operator's choice, so the text is cut in several ways.
_CUTS = tuple(
    map(
        re.compile,
        (
            r"""[^\s"'`<>]{4,}""",  # at spaces and quotes
            r"""(?<=[=:?])[^\s"'`<>&;,]{4,}""",  # what follows the name in name=value and name:value
            r"""[^\s"'`<>=&;,]{4,}""",  # at what separates items
            r"[\w.~+/-]{4,}",  # into the alphabets of base64, base64url and plain words
            r"[\w+/=-]{4,}",
            r"[\w-]{4,}",
        ),
    )
)


@dataclass(frozen=True)
class Credential:
    """A key, and where it was."""

    place: str
    key: Secret


@dataclass(frozen=True)
class Inspection:
    """The report. `token_places` is empty if no user token arrived."""

    credentials: tuple[Credential, ...]
    token_places: tuple[str, ...]
    tokens: tuple[Secret, ...]
    complete: bool  # False: the body was too long to search all of it

    def blotted(self, text: str) -> str:
        """The text without any key or token in it."""
        for secret in (*self.tokens, *(credential.key for credential in self.credentials)):
            text = text.replace(secret.reveal(), "•••")
        return text


def inspect(
    target: str, headers: Iterable[tuple[str, str]], body: bytes, is_user_token: Callable[[str], bool]
) -> Inspection:
    """Look at a whole request, as it came off the wire."""
    headers = list(headers)
    found: dict[str, set[str]] = {}
    for place, text in _places(target, headers, body[:BODY_LIMIT]):
        if words := {word for word in _candidates(text) if is_user_token(word)}:
            found.setdefault(place, set()).update(words)
    # The longest first, so that blotting out one does not spare half of another.
    tokens = tuple(map(Secret, sorted(set().union(*found.values()), key=len, reverse=True)))
    return Inspection(credentials(target, headers), tuple(found), tokens, len(body) <= BODY_LIMIT)


def credentials(target: str, headers: Iterable[tuple[str, str]]) -> tuple[Credential, ...]:
    """Every key in the places where providers look for one."""
    found = []
    for name, value in headers:
        if place := KEY_HEADERS.get(name.lower()):
            scheme, _, rest = value.strip().partition(" ")
            found.append(Credential(f"the header {place}", Secret(rest.strip() or scheme)))
    for name, value in parse_qsl(target.partition("?")[2]):
        if name == "key":
            found.append(Credential("the query parameter key", Secret(value)))
    return tuple(found)


def _places(target: str, headers: list[tuple[str, str]], body: bytes) -> Iterator[tuple[str, str]]:
    path, _, query = target.partition("?")
    segments = path.split("/")
    for start in range(min(len(segments), MAX_SEGMENTS)):
        rest = "/".join(segments[start:])
        yield from (("the path", text) for text in (rest, unquote(rest)))
    yield from (("the query", text) for text in (query, unquote(query), unquote_plus(query)))
    for name, value in headers:
        yield f"the header {name}", value
        scheme, _, rest = value.partition(" ")
        if scheme.lower() == "basic":
            yield f"the header {name}", _decoded(rest).replace(":", " ")
    text = body.decode("utf-8", "replace")
    yield "the body", text
    # JSON may spell a character as an escape.
    unescaped = re.sub(r"\\u00([0-9a-fA-F]{2})", lambda escape: chr(int(escape[1], 16)), text).replace("\\/", "/")
    if unescaped != text:
        yield "the body", unescaped


def _candidates(text: str) -> set[str]:
    found = {text.strip()}
    for cut in _CUTS:
        found.update(cut.findall(text))
    return found - {""}


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode("utf-8", "replace")
    except ValueError:
        return ""

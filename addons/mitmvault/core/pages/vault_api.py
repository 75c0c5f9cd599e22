"""The vault over HTTP: which requests these are, and the words of their answers. (reference system 003)

Rules: 1. They are asked of our own address, by a name of ours, as the first request of a connection: only then do they
          stay out of the flows that observers see. Anywhere else they are refused.
       2. Credentials are one `Authorization: Bearer` header, and nothing else.
       3. Conditions are those of RFC 9110, section 13: who writes over a version that he has not read gets a 412.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mitmvault.core.configuration.world import World
from mitmvault.core.message import form
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.refusal import Answer, Refusal, json_answer
from mitmvault.core.route.place import place
from mitmvault.core.secret import Secret

SEALED = "/ai.json.enc"
PLAIN = "/ai.json"
ROUTES: Mapping[str, tuple[str, ...]] = {SEALED: ("GET", "HEAD", "PUT"), PLAIN: ("GET", "HEAD")}
READS = ("GET", "HEAD")

_REQUEST_LINE = re.compile(rb"[!-~]+ (/[!-~]*) ")
_BEARER = re.compile(r"Bearer[ \t]+(.+)\Z", re.I | re.S)


def begins(data: bytes) -> bool:
    """Do these first bytes of a connection ask for the vault? A target that is not complete yet does not."""
    match = _REQUEST_LINE.match(data)
    return match is not None and covers(match[1].decode())


def covers(target: str) -> bool:
    """Is this target the vault's? To be asked only of requests for our own address."""
    return target.partition("?")[0] in ROUTES


def check(world: World, arrival: Arrival) -> None:
    """Is this a request for the vault, at a name of ours, and from no page of somebody else's? Raises Refusal."""
    form.check(arrival)
    if place(world, arrival) is not None:
        raise Refusal("destination_refused", "The vault is served under this proxy's own address alone.")
    if not covers(arrival.target):
        raise _new_connection("This connection began with a vault request")


def out_of_place() -> Refusal:
    """The refusal of a vault request that became a flow."""
    return _new_connection("The vault is served as the first request of a plain HTTP connection, sent in one piece")


def not_allowed(arrival: Arrival) -> Answer | None:
    """The 405 for a method that the route does not have; None for one that it has."""
    methods = ROUTES[path_of(arrival)]
    if arrival.method in methods:
        return None
    return failure(405, "Method not allowed", None, ("allow", ", ".join((*methods, "OPTIONS"))))


def path_of(arrival: Arrival) -> str:
    """The target without its query."""
    return arrival.target.partition("?")[0]


def bearer(arrival: Arrival) -> Secret | None:
    """The token of the one Authorization header; None when there is none, or another scheme, or two headers."""
    values = list(arrival.values("authorization"))
    match = _BEARER.match(values[0].strip()) if len(values) == 1 else None
    return Secret(match[1]) if match else None


def failure(status: int, error: str, message: str | None = None, *headers: tuple[str, str]) -> Answer:
    """A failure in the words of reference system 003: `{"error": …, "message": …}`."""
    document = {"error": error} | ({"message": message} if message else {})
    return json_answer(document, status, *headers)


def missing_token() -> Answer:
    """Nobody said who asks."""
    return failure(401, "Missing Authorization header", None, ("www-authenticate", 'Bearer realm="mitmvault"'))


def unauthorized() -> Answer:
    """Somebody without the crypto token asks."""
    return failure(403, "Unauthorized")


def wrong_password() -> Answer:
    """What was sent as token does not open the vault."""
    text = "The provided token does not match the encryption password, or the vault is corrupted."
    return failure(403, "Decryption failed", text)


def too_many(seconds: int) -> Answer:
    """Too many wrong tokens of late."""
    return failure(429, "Rate limit exceeded", "Too many wrong tokens.", ("retry-after", str(seconds)))


def too_large(limit: int) -> Answer:
    """The body is larger than a vault may be."""
    return failure(413, "Vault too large", f"The vault may have at most {limit} bytes.")


def stale() -> Answer:
    """The vault is not the version that the request speaks of."""
    return failure(412, "Precondition failed", "The vault has changed: load it again and repeat your change.")


def no_vault(arrival: Arrival) -> Answer:
    """There is no vault: text for the sealed one, JSON for the plain one, as the original says it."""
    text = "Vault not found"
    return _text(404, text.encode()) if path_of(arrival) == SEALED else failure(404, text)


def sealed_vault(sealed: bytes, version: str) -> Answer:
    """The encrypted vault, byte for byte as it is stored."""
    return _text(200, sealed, ("etag", etag(version)))


def plain_vault(plain: bytes, version: str) -> Answer:
    """The decrypted vault."""
    return _whole(200, "application/json", plain, ("etag", etag(version)))


def unchanged(version: str) -> Answer:
    """The client has this version already."""
    return Answer(304, (("etag", etag(version)), ("cache-control", "no-store")), b"")


def updated(version: str) -> Answer:
    """The vault has been replaced."""
    return json_answer({"ok": True, "message": "Vault updated"}, 200, ("etag", etag(version)))


def etag(version: str) -> str:
    """A version as entity tag (RFC 9110, section 8.8.3)."""
    return f'"{version}"'


def condition(arrival: Arrival, version: str) -> int | None:
    """The status that the request's conditions lead to: 412, 304, or None to go on. No vault is version ""."""
    if arrival.has("if-match") and not (version and _tags(arrival, "if-match") & {"*", etag(version)}):
        return 412
    wanted_none = {tag.removeprefix("W/") for tag in _tags(arrival, "if-none-match")}
    if version and wanted_none & {"*", etag(version)}:
        return 304 if arrival.method in READS else 412
    return None


def _new_connection(why: str) -> Refusal:
    close = (("connection", "close"),)  # another try on this connection would fare no better
    return Refusal("new_connection_needed", f"{why}: open a new connection.", headers=close)


def _tags(arrival: Arrival, name: str) -> set[str]:
    return {tag.strip() for value in arrival.values(name) for tag in value.split(",")}


def _text(status: int, body: bytes, *headers: tuple[str, str]) -> Answer:
    return _whole(status, "text/plain; charset=UTF-8", body, *headers)


def _whole(status: int, kind: str, body: bytes, *headers: tuple[str, str]) -> Answer:
    usual = (("content-type", kind), ("content-length", str(len(body))), ("cache-control", "no-store"))
    return Answer(status, usual + headers, body)

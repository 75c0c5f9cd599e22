"""The forms a key in the vault may have: a text that is sent, a key pair that signs, an account that gets tokens.

    form      in the vault                                                       what leaves
    text      "sk-…"                                                             the text
    aws       {"accessKeyId", "secretAccessKey", "sessionToken"?}                a signature (wire/sigv4.py)
              or "AKIA…:SECRET", "ASIA…:SECRET:SESSION"
    google    a service account's JSON file, as an object or as its text         an access token (wire/google_token.py)
    token     (not in the vault: what an account was exchanged for)              the text, as a bearer token

Rules: 1. A message says what is wrong with which member, and never shows its content.
       2. Which forms a provider takes says the catalogue: a key of another one is not used, and goes nowhere.

Sources: IAM's API reference (AccessKeyId: 16 to 128 word characters; AKIA and ASIA begin long-term and temporary ones);
Google's service account keys (type, client_email, private_key, private_key_id, token_uri).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from mitmvault.core.configuration import endpoint
from mitmvault.core.formats import document

TEXT, AWS, GOOGLE, TOKEN = "text", "aws", "google", "token"
STORED = (TEXT, AWS, GOOGLE)
# form -> the header that carries what is made of the key, and how it is written there; text keys have the provider's
SCHEMES = {AWS: ("authorization", "AWS4-HMAC-SHA256 {}"), GOOGLE: ("authorization", "Bearer {}"),
           TOKEN: ("authorization", "Bearer {}")}  # fmt: skip
NAMES = {AWS: "an AWS key pair", GOOGLE: "a Google service account"}

_PAIR = re.compile(r"(A[KS]IA[A-Z0-9]{12,124}):([^\s:]+)(?::([^\s:]+))?\Z")
_ACCESS_KEY_ID = re.compile(r"\w{16,128}\Z", re.ASCII)
_VISIBLE = re.compile(r"[\x21-\x7e]+\Z")
_GOOGLE_TOKENS = "https://oauth2.googleapis.com/token"
_SHOWN = 4  # characters of the id by which people recognise a key, as of any other key


class KeyFormError(ValueError):
    """The value is no key. The text says why, without its content."""


@dataclass(frozen=True)
class Form:
    """A key as one text, its form, and by what people recognise it ("": by the text's own last characters)."""

    text: str
    form: str = TEXT
    name: str = ""


@dataclass(frozen=True)
class KeyPair:
    """What signs a request to AWS."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None

    def __repr__(self) -> str:
        return "KeyPair(…)"


def read(value: Any) -> Form | None:
    """The form of a value in the vault; None for what is neither an object nor a text. Raises KeyFormError."""
    if isinstance(value, str):
        if pair := _PAIR.match(value):
            return Form(value, AWS, _end(pair[1]))
        if not value.lstrip().startswith("{"):
            return Form(value)
        try:
            value = document.load(value.encode("utf-8", "surrogatepass"))
        except document.DocumentError:
            raise KeyFormError("begins like a JSON object, but is none") from None
    if not isinstance(value, dict):
        return None
    if value.get("type") == "service_account":
        value = {"token_uri": _GOOGLE_TOKENS} | value
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True)
    if "accessKeyId" in value or "secretAccessKey" in value:
        return Form(text, AWS, _end(_pair_of(value).access_key_id))
    if value.get("type") == "service_account":
        _check_account(value)
        return Form(text, GOOGLE, _end(value.get("private_key_id")))
    raise KeyFormError("is an object, but neither an AWS key pair (accessKeyId, secretAccessKey) nor a Google service "
                       'account ("type": "service_account")')  # fmt: skip


def key_pair(text: str) -> KeyPair:
    """The parts of a text of form `aws`. Raises KeyFormError."""
    if pair := _PAIR.match(text):
        return KeyPair(pair[1], pair[2], pair[3])
    return _pair_of(json.loads(text))


def secret_parts(form: str, text: str) -> tuple[str, ...]:
    """What must not be seen of a key: a provider may repeat each of these, and nobody else has them."""
    if form != AWS:
        return (text,)
    pair = key_pair(text)
    return (pair.secret_access_key, *filter(None, (pair.session_token,)))


def _pair_of(value: dict[str, Any]) -> KeyPair:
    access, secret, session = (value.get(name) for name in ("accessKeyId", "secretAccessKey", "sessionToken"))
    if not isinstance(access, str) or not _ACCESS_KEY_ID.match(access):
        raise KeyFormError("accessKeyId must be 16 to 128 letters and digits")
    if not isinstance(secret, str) or not _VISIBLE.match(secret):
        raise KeyFormError("secretAccessKey must be visible ASCII characters without blanks")
    if session is not None and not (isinstance(session, str) and _VISIBLE.match(session)):
        raise KeyFormError("sessionToken must be visible ASCII characters without blanks")
    return KeyPair(access, secret, session)


def _check_account(value: dict[str, Any]) -> None:
    for name in ("client_email", "private_key"):
        if not (isinstance(value.get(name), str) and value[name]):
            raise KeyFormError(f"the service account's {name} is missing")
    at = value["token_uri"]
    if problem := endpoint.problem(at, plain_http=False) if isinstance(at, str) else "must be a text":
        raise KeyFormError(f"the service account's token_uri {problem}")


def _end(name: Any) -> str:
    return f"…{name[-_SHOWN:]}" if isinstance(name, str) and re.fullmatch(r"\w{16,}", name, re.ASCII) else ""

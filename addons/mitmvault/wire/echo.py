"""Keeps a provider from handing back the key that it was sent. (SECURITY P11)

Only this request's own credentials are looked for, those of all its attempts; `core.masking` says how.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from mitmproxy import http

from mitmvault.core.answer.masking import filter_for
from mitmvault.core.configuration.key_form import secret_parts
from mitmvault.wire import permits


def secrets_of(request: http.Request) -> tuple[bytes, ...]:
    """The credentials that were written for this request, as bytes."""
    found: list[str] = []
    for permit in permits.given(request):
        for credential in permit.credentials():
            found += secret_parts(credential.form, credential.secret.reveal())
        for slot in permit.slots:
            secret = slot.credential.secret.reveal()
            found += [secret, msgspec.json.encode(secret).decode()[1:-1]]  # as it stands in the body that was sent
    return tuple(secret.encode() for secret in dict.fromkeys(found))


def mask_head(request: http.Request, response: http.Response) -> None:
    """Blot the credentials out of the answer's reason phrase and headers."""
    for secret in secrets_of(request):
        blot = b"*" * len(secret)
        fields = response.headers.fields
        if any(secret in name or secret in value for name, value in fields):
            response.headers.fields = tuple((n.replace(secret, blot), v.replace(secret, blot)) for n, v in fields)
        response.data.reason = response.data.reason.replace(secret, blot)


def mask_text(request: http.Request, text: str) -> str:
    """Blot the credentials out of a message, such as one of mitmproxy's that quotes an unreadable answer."""
    for secret in secrets_of(request):
        text = text.replace(secret.decode(), "*" * len(secret))
    return text


def body_filter(request: http.Request, response: http.Response) -> Callable[[bytes], list[bytes]]:
    """A function for `response.stream`: chunk in, chunks out. It does not raise; should it have to, it blanks.

    Nothing is `[]`: mitmproxy would write an empty chunk, which ends a chunked body (11.0.2 and 12.2.3).
    """
    feed = filter_for(secrets_of(request), response.headers.get("content-encoding", "")).feed
    broken = False

    def stream(data: bytes) -> list[bytes]:
        nonlocal broken
        try:
            passed = bytes(len(data)) if broken else feed(data)
        except Exception:
            broken = True  # an exception in here would hang the client (11.0.2 and 12.2.3)
            passed = bytes(len(data))
        return [passed] if passed else []

    return stream

"""A Google service account becomes an access token, as a request of our own to the account's token endpoint.

Rules: 1. The account's key is read here and leaves as a signature over an assertion that is good for nothing else.
       2. The endpoint is the account's own `token_uri`, which the vault has checked: https, or http on this machine.
          No proxy of the environment is used, and no redirect is followed.
       3. Nothing of the account and nothing of the endpoint's answer is ever quoted: a failure names the vault's field.
       4. It blocks: call it in a thread. google-auth does it; it is an extra, and without it the request is refused.

Source: RFC 7523; developers.google.com/identity/protocols/oauth2/service-account; google-auth's transport interface.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from urllib.parse import urlsplit

from mitmvault.core.refusal import Refusal
from mitmvault.core.secret import Secret

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
TIMEOUT = 20.0  # seconds
_MAX_ANSWER = 1 << 20  # bytes
_USUAL_LIFE = 300.0  # seconds; where the endpoint does not say
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}\Z")


@dataclass(frozen=True)
class Minted:
    """An access token, and until when it is good (seconds since the epoch)."""

    token: Secret
    expires: float


def exchange(account: Secret, field: str, trusted: str) -> Minted:
    """The access token for a service account. Blocks. Raises Refusal.

    `field` is where the account stands in the vault; `trusted` is a PEM file of certificate authorities.
    """
    try:
        from google.oauth2.service_account import Credentials
    except ImportError:
        raise Refusal("provider_not_configured", "A service account needs google-auth, which is not installed: "
                      "pip install 'mitmvault[vertex]'.") from None  # fmt: skip
    try:
        credentials = Credentials.from_service_account_info(json.loads(account.reveal()), scopes=SCOPES)
    except Exception:  # of several kinds, and their texts may quote the key
        raise Refusal("provider_not_configured", f"{field}: the service account's private_key is not usable.") from None
    transport = Transport(trusted)
    try:
        credentials.refresh(transport)
    except Exception:  # of the network, of google-auth, and of what it makes of an answer that it did not expect
        raise _failure(field, transport.status) from None
    if not (isinstance(credentials.token, str) and _TOKEN.match(credentials.token)):
        raise _failure(field, transport.status)
    expiry = credentials.expiry
    return Minted(
        Secret(credentials.token),
        expiry.replace(tzinfo=UTC).timestamp() if expiry else time.time() + _USUAL_LIFE,
    )


@dataclass(frozen=True)
class Response:
    """An answer, as google-auth wants it."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class Transport:
    """One request at a time over a connection of its own: google-auth's transport, without its dependencies."""

    def __init__(self, trusted: str) -> None:
        self.status: int | None = None  # of the last answer; None: there was none
        self._trusted = trusted

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **more: Any,
    ) -> Response:
        """Send, and read the answer. Raises OSError and HTTPException."""
        self.status = None
        parts = urlsplit(url)
        where, wait = parts.netloc, timeout or TIMEOUT
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=self._trusted)
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(where, timeout=wait, context=context)
        else:
            connection = http.client.HTTPConnection(where, timeout=wait)
        try:
            connection.request(method, parts._replace(scheme="", netloc="").geturl() or "/", body, dict(headers or {}))
            answer = connection.getresponse()
            data = answer.read(_MAX_ANSWER)
            self.status = answer.status
            return Response(answer.status, dict(answer.getheaders()), data)
        finally:
            connection.close()


def _failure(field: str, status: int | None) -> Refusal:
    if status is None:
        return Refusal(
            "upstream_unreachable", f"The token endpoint of the service account at {field} cannot be reached."
        )
    if 400 <= status < 500:
        text = f"The token endpoint rejected the service account at {field} (HTTP {status}): is it deleted or disabled?"
        return Refusal("no_usable_key", text)
    return Refusal("upstream_failed", f"The token endpoint of the service account at {field} failed (HTTP {status}).")

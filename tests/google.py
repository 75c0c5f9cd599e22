"""Google's side of Vertex AI, for tests: a service account, its token endpoint, and a check of what arrives there."""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from google.auth import jwt

from tests.provider import Arrived, FakeProvider

ACCESS_TOKEN = "ya29.made-up-access-token-0123456789"
EMAIL = "robot@made-up-project.iam.gserviceaccount.com"
KEY_ID = "0123456789abcdef0123456789abcdef01234567"
ANSWER = {"candidates": [{"content": {"role": "model", "parts": [{"text": "pong"}]}, "finishReason": "STOP"}],
          "usageMetadata": {"promptTokenCount": 2, "candidatesTokenCount": 1, "totalTokenCount": 3}}  # fmt: skip


@cache
def key() -> rsa.RSAPrivateKey:
    """The account's key pair."""
    return rsa.generate_private_key(65537, 2048)


def private_key() -> str:
    """The account's private key, as Google's file holds it."""
    return key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def account(url: str, **fields: Any) -> dict[str, Any]:
    """A service account whose tokens come from `url`/token."""
    return {
        "type": "service_account", "project_id": "made-up-project", "private_key_id": KEY_ID,
        "private_key": private_key(), "client_email": EMAIL, "token_uri": f"{url}/token",
    } | fields  # fmt: skip


def is_token_request(arrived: Arrived) -> bool:
    """Is this a request to the token endpoint?"""
    return arrived.target == "/token"


def gives(provider: FakeProvider, token: str = ACCESS_TOKEN, seconds: int = 3600, times: int | None = None) -> None:
    """Let the token endpoint give this token."""
    body = json.dumps({"access_token": token, "expires_in": seconds, "token_type": "Bearer"})
    provider.next(body=body, when=is_token_request, times=times)


def claims(arrived: Arrived) -> dict[str, Any]:
    """What the assertion says that arrived at the token endpoint, its signature checked by google-auth."""
    form = parse_qs(arrived.body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    public = key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    found: dict[str, Any] = jwt.decode(form["assertion"][0], certs=public)
    return found

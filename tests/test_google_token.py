"""A service account becomes a token, or an error that quotes nothing."""

from __future__ import annotations

import json
import sys
import time

import certifi
import pytest

from mitmvault.core.refusal import Refusal
from mitmvault.core.secret import Secret
from mitmvault.wire.google_token import SCOPES, exchange
from tests import google
from tests.provider import FakeProvider

FIELD = "providers.google-vertex-ai.keys[0].key"


def minted(account: dict):
    return exchange(Secret(json.dumps(account)), FIELD, certifi.where())


def test_the_token_and_its_end(provider: FakeProvider):
    google.gives(provider, seconds=3600)
    before = time.time()
    found = minted(google.account(provider.url))
    assert found.token == Secret(google.ACCESS_TOKEN) and google.ACCESS_TOKEN not in repr(found)
    assert before + 3500 < found.expires < time.time() + 3601
    (arrived,) = provider.wait_for(1)  # one request, and no other of google-auth's
    said = google.claims(arrived)
    assert (said["iss"], said["aud"], said["scope"]) == (google.EMAIL, "https://oauth2.googleapis.com/token", SCOPES[0])
    assert google.private_key()[40:80].encode() not in arrived.body


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, {"error": "invalid_grant", "error_description": "made-up-answer"}, "no_usable_key"),
        (403, "made-up-answer", "no_usable_key"),
        (302, {}, "upstream_failed"),
        (200, {"note": "made-up-answer"}, "upstream_failed"),
        (200, "made-up-answer", "upstream_failed"),
        (200, {"access_token": "two words made-up-answer", "expires_in": 60}, "upstream_failed"),
        (200, {"access_token": "a\r\nmade-up-answer", "expires_in": 60}, "upstream_failed"),
        (200, {"access_token": 5, "expires_in": "made-up-answer"}, "upstream_failed"),
        (200, ["made-up-answer"], "upstream_failed"),
    ],
)
def test_what_the_endpoint_says_instead_is_not_quoted(provider: FakeProvider, status, body, reason):
    text = body if isinstance(body, str) else json.dumps(body)
    provider.next(status=status, headers={"Location": provider.url + "/elsewhere"}, body=text)
    with pytest.raises(Refusal) as caught:
        minted(google.account(provider.url))
    assert caught.value.reason == reason and FIELD in caught.value.text
    assert "made-up" not in caught.value.text and caught.value.__cause__ is None
    assert [arrived.target for arrived in provider.arrivals] == ["/token"]  # and no redirect is followed


def test_an_endpoint_that_fails_is_asked_again_first(provider: FakeProvider, monkeypatch):
    monkeypatch.setattr("google.auth._exponential_backoff.time.sleep", lambda seconds: None)
    provider.next(status=503, body="made-up-answer", times=None)
    with pytest.raises(Refusal, match="HTTP 503") as caught:
        minted(google.account(provider.url))
    assert caught.value.reason == "upstream_failed" and len(provider.arrivals) > 1


def test_an_endpoint_that_is_not_there():
    with FakeProvider() as gone:
        url = gone.url
    for at in (url, url.replace("http:", "https:")):
        with pytest.raises(Refusal, match="cannot be reached") as caught:
            minted(google.account(at))
        assert caught.value.reason == "upstream_unreachable" and url.partition("//")[2] not in caught.value.text


@pytest.mark.parametrize("key", ["made-up-pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_key_that_is_none(key):
    with pytest.raises(Refusal, match="private_key is not usable") as caught:
        minted(google.account("http://127.0.0.1:9", private_key=key))
    assert caught.value.reason == "provider_not_configured" and FIELD in caught.value.text
    assert key not in caught.value.text and caught.value.__cause__ is None


def test_no_proxy_of_the_environment_is_used(provider: FakeProvider, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    google.gives(provider)
    assert minted(google.account(provider.url)).token == Secret(google.ACCESS_TOKEN)


def test_without_google_auth_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.oauth2.service_account", None)
    with pytest.raises(Refusal, match=r"mitmvault\[vertex\]") as caught:
        minted(google.account("http://127.0.0.1:9"))
    assert caught.value.reason == "provider_not_configured"

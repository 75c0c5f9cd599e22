"""Signatures for AWS, checked by botocore itself."""

from __future__ import annotations

import json
import sys

import pytest
from mitmproxy.http import Request

from mitmvault.core.configuration.signing import Signing
from mitmvault.core.refusal import Refusal
from mitmvault.core.secret import Secret
from mitmvault.wire import sigv4
from tests import aws
from tests.provider import Arrived

HOST = "bedrock-runtime.eu-west-1.amazonaws.com"
ARN = "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Ainference-profile%2Feu.amazon.nova-lite-v1%3A0/converse"


def signed(path: str = ARN, body: bytes | None = b'{"a": 1}', host: str = HOST, secret: object = aws.PAIR, **headers):
    request = Request.make("POST", f"https://{host}{path}", b"", {"content-type": "application/json", **headers})
    request.data.path = path.encode()
    request.raw_content = body
    text = secret if isinstance(secret, str) else json.dumps(secret)
    sigv4.sign(request, Secret(text), Signing(f"https://{HOST}{path}", "eu-west-1", "bedrock"))
    return request


def arrived(request: Request) -> Arrived:
    return Arrived(request.method, request.path, "", "", list(request.headers.items(multi=True)), request.raw_content)


@pytest.mark.parametrize(
    "path", [ARN, "/model/a-v1:0/invoke", "/model/a-v1%3A0/invoke", "/openai/v1/chat/completions", "/model/x/converse?b=2&a=%2F",
             "/model/%E2%82%AC~_-.%20/converse"]
)  # fmt: skip
@pytest.mark.parametrize("body", [b"", b'{"a": 1}', bytes(range(256))])
def test_what_aws_computes_from_what_arrives(path, body):
    found = arrived(signed(path, body))
    assert aws.is_signed(found, f"https://{HOST}")
    assert aws.scope(found) == (aws.ACCESS_KEY, "eu-west-1", "bedrock")
    assert not aws.is_signed(found, f"https://{HOST}", "another-secret")
    assert not aws.is_signed(found, "https://bedrock-runtime.us-east-1.amazonaws.com")
    assert not aws.is_signed(arrived(signed("/elsewhere", body)), f"https://{HOST}{path}")
    changed = Arrived(found.method, found.target, "", "", found.headers, found.body + b"!")
    assert not aws.is_signed(changed, f"https://{HOST}")


def test_the_secret_stays_and_a_session_goes_along():
    plain = signed()
    assert aws.SECRET_KEY not in repr(plain.headers) and "x-amz-security-token" not in plain.headers
    for secret in (aws.PAIR | {"sessionToken": aws.SESSION}, f"{aws.ACCESS_KEY}:{aws.SECRET_KEY}:{aws.SESSION}"):
        request = signed(secret=secret)
        assert request.headers.get_all("x-amz-security-token") == [aws.SESSION]
        assert "x-amz-security-token" in request.headers["authorization"]
        assert aws.is_signed(arrived(request), f"https://{HOST}")


def test_a_clients_signature_is_replaced_and_its_x_amz_headers_are_covered():
    theirs = {"authorization": "AWS4-HMAC-SHA256 theirs", "x-amz-date": "20200101T000000Z", "date": "yesterday"}
    request = signed(**theirs, **{"x-amz-security-token": "theirs", "X-Amzn-Bedrock-Trace": "ENABLED", "x-amz-a": "1"})
    assert "theirs" not in repr(request.headers) and len(request.headers.get_all("authorization")) == 1
    assert not request.headers["x-amz-date"].startswith("2020")
    names = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert names == ["content-type", "host", "x-amz-a", "x-amz-date"]
    assert aws.is_signed(arrived(request), f"https://{HOST}")


def test_sent_elsewhere_it_is_still_for_aws():
    """Behind a gateway: the Host header that leaves is another one."""
    assert aws.is_signed(arrived(signed(host="gateway.ai.cloudflare.com")), f"https://{HOST}")


def test_a_body_that_was_not_read_is_not_signed():
    with pytest.raises(Refusal, match="body_limit") as caught:
        signed(body=None)
    assert caught.value.reason == "body_too_large"


def test_without_botocore_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "botocore.auth", None)
    with pytest.raises(Refusal, match=r"mitmvault\[bedrock\]") as caught:
        signed()
    assert caught.value.reason == "provider_not_configured"

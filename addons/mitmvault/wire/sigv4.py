"""Signs a request for AWS, Signature Version 4, over what is really sent: method, raw path, query, host, body.

Rules: 1. The secret access key is read here and leaves as a signature; the session token leaves in its header.
       2. Signed are the host, the type of the body and every `x-amz-` header: nothing that a hop in between rewrites.
       3. botocore does it; it is an extra, and without it the request is refused.

Source: docs.aws.amazon.com/IAM, "Create a signed AWS API request"; botocore.auth.SigV4Auth encodes the path once more,
as all services but S3 want it.
"""

from __future__ import annotations

from typing import Any

from mitmproxy.http import Request

from mitmvault.core.configuration.key_form import key_pair
from mitmvault.core.configuration.signing import Signing
from mitmvault.core.refusal import Refusal
from mitmvault.core.secret import Secret

WRITTEN = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token")


def load() -> tuple[Any, Any, Any]:
    """The parts of botocore. The first call takes a moment: make it outside the event loop. Raises Refusal."""
    try:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
    except ImportError:
        raise Refusal("provider_not_configured", "Signing for AWS needs botocore, which is not installed: "
                      "pip install 'mitmvault[bedrock]'.") from None  # fmt: skip
    return SigV4Auth, AWSRequest, Credentials


def sign(outgoing: Request, secret: Secret, target: Signing) -> None:
    """Write the signature into the outgoing copy. Raises Refusal, for a body that is not whole as well."""
    signer, request_of, credentials = load()
    body = outgoing.raw_content
    if body is None:
        raise Refusal("body_too_large", "Requests to AWS are signed, and this body was not read whole (body_limit).")
    pair = key_pair(secret.reveal())
    for name in WRITTEN:
        outgoing.headers.pop(name, None)
    request = request_of(method=outgoing.method, url=target.url, data=body)
    for name, value in outgoing.headers.items(multi=True):
        if name.lower() == "content-type" or name.lower().startswith("x-amz-"):
            request.headers[name] = value
    keys = credentials(pair.access_key_id, pair.secret_access_key, pair.session_token)
    signer(keys, target.service, target.region).add_auth(request)
    for name in WRITTEN:
        if name in request.headers:
            outgoing.headers[name.lower()] = request.headers[name]

"""AWS's side of Bedrock, for tests: is a signature right, and what a stream of events looks like.

The signature is computed anew by botocore from what arrived, never by code of ours.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.provider import Arrived

ACCESS_KEY = "AKIAMADEUPBYTESTS001"
SECRET_KEY = "made-up/secret+access+key/0123456789abcde"
SESSION = "made-up-session-token-0123456789"
PAIR = {"accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET_KEY}
_SIGNATURE = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
                        r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})\Z")  # fmt: skip


def scope(arrived: Arrived) -> tuple[str, str, str]:
    """Access key id, region and service of the signature that arrived."""
    found = _SIGNATURE.match(arrived.header("authorization"))
    assert found, arrived.headers
    return found[1], found[3], found[4]


def is_signed(arrived: Arrived, url: str, secret: str = SECRET_KEY) -> bool:
    """Is the request signed with this secret for this URL (to the host; the path is the one that arrived)?"""
    found = _SIGNATURE.match(arrived.header("authorization"))
    assert found, arrived.headers
    _, day, region, service, names, signature = found.groups()
    time = arrived.header("x-amz-date")
    assert time.startswith(day) and {"host", "x-amz-date"} <= set(names.split(";"))
    host = url.partition("://")[2].partition("/")[0]
    path = url.partition("://")[2].partition("/")[2]
    target = f"/{path}" if path else arrived.target
    request = AWSRequest(method=arrived.method, url=f"https://{host}{target}", data=arrived.body)
    for name, value in arrived.headers:
        if name.lower() in names.split(";") and name.lower() != "host":
            request.headers[name] = value
    request.headers["host"] = host
    request.context["timestamp"] = time
    signer = SigV4Auth(Credentials("any", secret), service, region)
    return signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request) == signature


def event(kind: str, payload: dict[str, Any]) -> bytes:
    """One message of application/vnd.amazon.eventstream: lengths, headers, payload, checksums."""
    fields = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    head = b"".join(bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
                    for name, value in fields.items())  # fmt: skip
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(head) + len(body), len(head))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + body
    return message + struct.pack(">I", zlib.crc32(message))


CONVERSED = {
    "output": {"message": {"role": "assistant", "content": [{"text": "pong"}]}}, "stopReason": "end_turn",
    "usage": {"inputTokens": 2, "outputTokens": 1, "totalTokens": 3}, "metrics": {"latencyMs": 1},
}  # fmt: skip
CLAUDE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": [{"type": "text",
    "text": "pong"}], "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 2,
    "output_tokens": 1},
}  # fmt: skip
STREAM = [
    event("messageStart", {"role": "assistant"}),
    event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "po"}}),
    event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "ng"}}),
    event("messageStop", {"stopReason": "end_turn"}),
    event("metadata", {"usage": {"inputTokens": 2, "outputTokens": 1, "totalTokens": 3}, "metrics": {"latencyMs": 1}}),
]
EVENTS = "application/vnd.amazon.eventstream"

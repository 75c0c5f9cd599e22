"""The one way to say no: a reason code, a sentence, and the shape that the client's SDK can show.

Rules: 1. Every refusal has a reason from `REASONS`; the table gives its HTTP status. Codes are stable, texts are not.
       2. A text says what to do. It never holds a token, a key or a header's value. What it quotes of a request, it
          quotes up to MAX_TEXT characters in all: clients and logs would get megabytes back.
       3. The body has the shape of the provider the client believes it talks to, so that SDKs show the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec

# reason -> (HTTP status, kind of error). The kind picks the dialect's own error type below.
REASONS: dict[str, tuple[int, str]] = {
    "missing_token": (401, "authentication"),
    "unknown_token": (403, "permission"),
    "ambiguous_token": (400, "invalid"),
    "provider_not_allowed": (403, "permission"),
    "model_not_allowed": (403, "permission"),
    "admin_only": (403, "permission"),
    "destination_refused": (403, "permission"),
    "origin_refused": (403, "permission"),
    "proxy_token_needed": (407, "authentication"),
    "rate_limited": (429, "rate_limit"),
    "not_found": (404, "not_found"),
    "method_not_allowed": (405, "invalid"),
    "no_provider": (400, "invalid"),
    "unknown_host_final": (400, "invalid"),
    "no_such_gateway": (400, "invalid"),
    "no_such_key": (400, "invalid"),
    "bad_path": (400, "invalid"),
    "bad_json": (400, "invalid"),
    "bad_request": (400, "invalid"),
    "duplicate_field": (400, "invalid"),
    "missing_model": (400, "invalid"),
    "missing_messages": (400, "invalid"),
    "missing_field": (400, "invalid"),
    "gateway_mode": (400, "invalid"),
    "bad_encoding": (400, "invalid"),
    "unsupported_encoding": (415, "invalid"),
    "body_too_large": (413, "too_large"),
    "host_mismatch": (421, "invalid"),
    "new_connection_needed": (421, "invalid"),
    "internal_error": (500, "internal"),
    "not_permitted": (502, "internal"),
    "upstream_unreachable": (502, "upstream"),
    "upstream_failed": (502, "upstream"),
    "upstream_redirect": (502, "upstream"),
    "no_usable_key": (503, "unavailable"),
    "provider_not_configured": (503, "unavailable"),
    "not_ready": (503, "unavailable"),
}

DIALECTS = ("openai", "anthropic", "google", "aws", "problem")

# kind -> the name each dialect uses for it, in the order of DIALECTS.
# Sources: OpenAI openapi.yaml error types; Anthropic SDK types/shared error types; google.rpc.Code names; botocore's
# exceptions of Bedrock's runtime and of AWS's front door; RFC 9457 (Replicate), where the names are for people.
_NAMES = {
    "authentication": ("authentication_error", "authentication_error", "UNAUTHENTICATED", "UnrecognizedClientException",
                       "Unauthenticated"),
    "permission": ("permission_error", "permission_error", "PERMISSION_DENIED", "AccessDeniedException",
                   "Permission denied"),
    "invalid": ("invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT", "ValidationException",
                "Invalid request"),
    "not_found": ("not_found_error", "not_found_error", "NOT_FOUND", "ResourceNotFoundException", "Not found"),
    "rate_limit": ("rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED", "ThrottlingException",
                   "Too many requests"),
    "too_large": ("invalid_request_error", "request_too_large", "INVALID_ARGUMENT", "ValidationException",
                  "Request too large"),
    "internal": ("server_error", "api_error", "INTERNAL", "InternalServerException", "Internal error"),
    "upstream": ("server_error", "api_error", "UNAVAILABLE", "ServiceUnavailableException", "Upstream error"),
    "unavailable": ("server_error", "overloaded_error", "UNAVAILABLE", "ServiceUnavailableException", "Unavailable"),
}  # fmt: skip
KINDS: dict[str, dict[str, str]] = {kind: dict(zip(DIALECTS, names, strict=True)) for kind, names in _NAMES.items()}

# The only failures that a second try may cure by itself; SDKs obey `x-should-retry` (openai, anthropic, groq SDKs).
WORTH_A_RETRY = frozenset({"upstream_unreachable", "upstream_failed", "not_ready", "rate_limited"})

MAX_TEXT = 1000

Headers = tuple[tuple[str, str], ...]


class Refusal(Exception):
    """A request that must not leave. Raised inside the core, returned by `decide`, rendered by `answer`."""

    def __init__(self, reason: str, text: str, dialect: str = "openai", headers: Headers = ()) -> None:
        text = text.encode("utf-8", "backslashreplace").decode()  # it may quote raw bytes of a path
        text = text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
        super().__init__(f"{reason}: {text}")
        self.status, self.kind = REASONS[reason]
        self.reason = reason
        self.text = text
        self.dialect = dialect
        self.headers = headers  # of the answer, beside the usual ones

    def speaking(self, dialect: str) -> Refusal:
        """The same refusal in another dialect, without the traceback (its frames hold the arrival)."""
        return Refusal(self.reason, self.text, dialect, self.headers)


@dataclass(frozen=True)
class Answer:
    """A complete HTTP answer, engine-neutral."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def json_answer(document: Any, status: int = HTTPStatus.OK, *more: tuple[str, str]) -> Answer:
    """An answer of ours in JSON, with more headers behind the usual ones."""
    body = msgspec.json.encode(document)
    usual = (("content-type", "application/json"), ("content-length", str(len(body))), ("cache-control", "no-store"))
    return Answer(int(status), usual + more, body)


def answer(refusal: Refusal) -> Answer:
    """Render a refusal as the JSON error its dialect's SDKs expect."""
    headers = [
        ("x-mitmvault-reason", refusal.reason),
        ("x-should-retry", "true" if refusal.reason in WORTH_A_RETRY else "false"),
    ]
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers.append(("www-authenticate", 'Bearer realm="mitmvault"'))
    if refusal.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        headers.append(("proxy-authenticate", 'Basic realm="mitmvault"'))
    return json_answer(_SHAPES[refusal.dialect](refusal), refusal.status, *headers, *refusal.headers)


def _openai(refusal: Refusal) -> dict[str, Any]:
    kind = KINDS[refusal.kind]["openai"]
    return {"error": {"message": refusal.text, "type": kind, "param": None, "code": refusal.reason}}


def _anthropic(refusal: Refusal) -> dict[str, Any]:
    kind = KINDS[refusal.kind]["anthropic"]
    return {"type": "error", "error": {"type": kind, "message": refusal.text, "code": refusal.reason}}


def _google(refusal: Refusal) -> dict[str, Any]:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": refusal.reason, "domain": "mitmvault"}
    status = KINDS[refusal.kind]["google"]
    return {"error": {"code": refusal.status, "message": refusal.text, "status": status, "details": [info]}}


def _aws(refusal: Refusal) -> dict[str, Any]:
    return {"__type": KINDS[refusal.kind]["aws"], "message": refusal.text, "reason": refusal.reason}


def _problem(refusal: Refusal) -> dict[str, Any]:
    title = KINDS[refusal.kind]["problem"]
    return {"title": title, "status": refusal.status, "detail": refusal.text, "reason": refusal.reason}


_SHAPES = {"openai": _openai, "anthropic": _anthropic, "google": _google, "aws": _aws, "problem": _problem}

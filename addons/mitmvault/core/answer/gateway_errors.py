"""What to change when Cloudflare's gateway answers with an error of its own. (docs/errors.md lists the same codes)

Rules: 1. A hint is a sentence of ours; of the answer it takes the number alone.
       2. What is known only from what people met says no more than they found. An unknown code is said to be unknown.

Sources: 2016 and 2017: developers.cloudflare.com/ai-gateway/features/guardrails. The others are not documented; they
are from public reports with the answer in them: cloudflare-docs pull request 31050 (2009), opencode issue 44827 and
DevoxxGenie issue 1254 (2005, 2008). Shape: `{"success": false, "error": [{"code", "message"}]}` from the gateway,
`"errors"` from Cloudflare's API.
"""

from __future__ import annotations

from typing import Any

import msgspec

HELD = 64 * 1024  # bytes of an error answer that are read before it is passed on

HINTS = {
    2001: "no gateway of this name in the account: create it, or mend the name in gatewayEndpoint or gatewayId",
    2003: "the gateway's own rate limit is reached: wait, or raise it in the gateway's settings",
    2005: "the gateway got no answer from the provider that it understands: check the model and, for a custom "
    "provider, its base URL; gatewayMode native shows the provider's own error",
    2008: "the gateway does not know this provider: check gatewayModelPrefix; custom providers are custom-SLUG and "
    "must be enabled; providers that compat lacks need gatewayMode native",
    2009: "the gateway rejects mitmvault's own token, not the provider's key: CLOUDFLARE_AIG_TOKEN or gatewayKey must "
    "be a token of this account that may run AI Gateway",
    2016: "the gateway's guardrails blocked the prompt",
    2017: "the gateway's guardrails blocked the answer",
    2019: "the compat endpoint takes this request neither by path nor by form: check that the model has its provider's "
    "prefix, or use gatewayMode native",
    2021: "no credits for Unified Billing: add some at Cloudflare, or give the provider a key in the vault or there",
    2029: "the gateway's data loss prevention blocked the prompt",
    2030: "the gateway's data loss prevention blocked the answer",
    2040: "the gateway has no stored key of this name: check cf-aig-byok-alias and the keys stored at Cloudflare",
    7003: "Cloudflare's API does not know this path: check CLOUDFLARE_ACCOUNT_ID and gatewayEndpoint",
    10000: "Cloudflare's API rejects the token: the REST API needs a Cloudflare API token (gatewayKey) that may run "
    "Workers AI and AI Gateway for this account",
}


def is_wanted(status: int, media_type: str, length: str | None) -> bool:
    """Could this be the head of such an answer? Its body is then worth waiting for. `length` is as declared."""
    small = not length or (length.isascii() and length.isdigit() and len(length) < 9 and int(length) <= HELD)
    return status >= 400 and "json" in media_type.lower() and small


def hint(body: bytes) -> str | None:
    """What to change, as one clause; None for an answer that is not the gateway's own."""
    code = _code(body)
    if code is None:
        return None
    return f"Cloudflare code {code}: {HINTS.get(code, 'from Cloudflare itself, not from the provider; not documented')}"


def _code(body: bytes) -> int | None:
    try:
        document: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    if not isinstance(document, dict) or document.get("success") is not False:
        return None
    errors = document.get("error") or document.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    code = first.get("code") if isinstance(first, dict) else None
    return code if type(code) is int and 0 < code < 10**6 else None

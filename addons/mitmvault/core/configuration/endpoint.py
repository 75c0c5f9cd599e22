"""Which URL an operator may write into the vault as a provider's endpoint.

Rules: 1. Absolute http(s) with a host; no userinfo, query, fragment or control character.
       2. `{account}` may stand in the path, for CLOUDFLARE_ACCOUNT_ID; nowhere else is a brace allowed.
       3. `http://` sends keys in the clear: only to this machine, or with the provider's `allowPlainHttp`.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from mitmvault.core.configuration import hostnames, networks

ACCOUNT = "{account}"
# Visible ASCII without the characters that browsers and libraries disagree on.
_SAFE = re.compile(r"[^\x00-\x20\x7f-\U0010ffff\\\"<>^`|{}]+\Z")


def problem(url: str, plain_http: bool) -> str | None:
    """What is wrong with the URL, without showing it; None when nothing is."""
    scheme, slashes, rest = url.partition("//")
    host, slash, path = rest.partition("/")
    if not _SAFE.match(scheme + slashes + host + slash + path.replace(ACCOUNT, "account")):
        return "must be a URL in plain ASCII, without blanks or control characters"
    try:
        parts = urlsplit(url)
        authority = hostnames.split_authority(parts.netloc, parts.scheme) if "@" not in parts.netloc else None
    except ValueError:
        return "must be a URL"
    wrong = (
        (parts.scheme not in ("http", "https") or not parts.netloc, "must begin with https:// and a host"),
        ("@" in parts.netloc, "must not hold a user name or password"),
        (authority is None, "must name a host, and a port between 1 and 65535 if any"),
        ("?" in url, "must not have a query"),
        ("#" in url, "must not have a fragment"),
        (
            parts.scheme == "http" and authority is not None and not plain_http and not _here(authority[0]),
            "must be https://; http:// is for this machine only, or with allowPlainHttp: true",
        ),
    )
    return next((text for is_wrong, text in wrong if is_wrong), None)


def _here(host: str) -> bool:
    # Narrower than networks.is_loopback: "x.localhost" is whatever the resolver says.
    address = networks.parse(host)
    return address.is_loopback if address is not None else host == "localhost"

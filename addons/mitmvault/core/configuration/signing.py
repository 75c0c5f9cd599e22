"""What a signature for AWS is made for: the address that AWS knows, its region and the name of its service.

Rules: 1. Region and service come from the vault: its field `region`, else the host of its endpoint.
       2. Behind a gateway the signature is for the original address: the gateway passes it on to there.

Sources: botocore's endpoints of bedrock-runtime and bedrock (both sign as `bedrock`), anthropic's SDK for
bedrock-mantle (signs as `bedrock-mantle`); VPC endpoints have the same labels in front of `.vpce.`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mitmvault.core.refusal import Refusal

_HOST = re.compile(r"(?:^|\.)(bedrock[a-z-]*)\.([a-z]{2,}(?:-[a-z]+)+-[0-9]+)\.")


@dataclass(frozen=True)
class Signing:
    """The URL that is signed, and for whom."""

    url: str
    region: str
    service: str


def signing(provider: str, region: str | None, host: str, url: str) -> Signing:
    """What to sign for a request to `url`, which is at `host`. Raises Refusal when nobody says the region."""
    found = _HOST.search(host)
    region = region or (found[2] if found else None)
    if region is None:
        raise Refusal("provider_not_configured", f"The keys of {provider} sign for a region, and its endpoint does not "
                      f"name one; set region in the vault, such as eu-west-1.")  # fmt: skip
    return Signing(url, region, "bedrock-mantle" if found and found[1] == "bedrock-mantle" else "bedrock")

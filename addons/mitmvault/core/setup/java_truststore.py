"""A Java truststore: certificates in Sun's JKS format, which every JVM reads.

PKCS#12 would be the modern form, but a JVM trusts the certificates in one only with an attribute of Oracle's, which the
cryptography library writes from version 45 on; mitmproxy 11 pins an older one.

Source: `sun.security.provider.JavaKeyStore` of OpenJDK, engineLoad and engineStore.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from collections.abc import Iterable

PASSWORD = "changeit"  # noqa: S105  the JDK's own default; the file holds certificates, which are public
_MAGIC, _VERSION, _TRUSTED_CERTIFICATE = 0xFEEDFEED, 2, 2
_WHITENER = b"Mighty Aphrodite"  # the format's own
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")


def certificates(pem: str) -> list[bytes]:
    """The certificates of a PEM text as DER, each once, in their order. Raises ValueError for broken base64."""
    return list(dict.fromkeys(base64.b64decode("".join(body.split()), validate=True) for body in _PEM.findall(pem)))


def truststore(certificates: Iterable[bytes]) -> bytes:
    """The truststore with these certificates (DER). The same certificates make the same bytes."""
    entries = [_entry(f"mitmvault-{number}", der) for number, der in enumerate(certificates, 1)]
    body = struct.pack(">III", _MAGIC, _VERSION, len(entries)) + b"".join(entries)
    # SHA-1 is what the format has; it guards against damage, not against people.
    return body + hashlib.sha1(PASSWORD.encode("utf-16-be") + _WHITENER + body, usedforsecurity=False).digest()


def _entry(alias: str, der: bytes) -> bytes:
    created = 0  # milliseconds since 1970; nobody asks
    head = struct.pack(">I", _TRUSTED_CERTIFICATE) + _text(alias) + struct.pack(">Q", created)
    return head + _text("X.509") + struct.pack(">I", len(der)) + der


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode("ascii")

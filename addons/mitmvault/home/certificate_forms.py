"""The forms in which programs want a certificate: PEM, DER, PKCS#12, and Java's own.

Rules: 1. A certificate alone, never a private key.
       2. No form keeps a secret. PKCS#12 has an empty password, Java's the one that everybody knows.

Sources: RFC 7468 (PEM), RFC 7292 (PKCS#12; its checksum has a random salt), `core/setup/java_truststore.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, pkcs12

from mitmvault.core.setup import java_truststore

_NAME = b"mitmvault"


def _pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def _pkcs12(der: bytes) -> bytes:
    certificate = x509.load_der_x509_certificate(der)
    return pkcs12.serialize_key_and_certificates(_NAME, None, certificate, None, NoEncryption())


# form -> what makes it of the certificate (DER)
FORMS: Mapping[str, Callable[[bytes], bytes]] = {
    "pem": _pem,
    "der": bytes,
    "p12": _pkcs12,  # for browsers and phones; JVMs do not trust what is in it, see core/setup/java_truststore.py
    "jks": lambda der: java_truststore.truststore([der]),
}

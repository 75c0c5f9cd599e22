"""A certificate: what people want to know of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

WARN_DAYS = 30


class CertificateError(ValueError):
    """The bytes are no certificate. The text says why, without their content."""


@dataclass(frozen=True)
class Certificate:
    """The facts of a certificate; times are in UTC, fingerprints in hexadecimal without separators."""

    der: bytes
    subject: str
    key: str  # kind and size, such as RSA 2048
    begins: datetime
    ends: datetime

    @property
    def sha256(self) -> str:
        """The fingerprint by which people compare certificates."""
        return hashlib.sha256(self.der).hexdigest().upper()

    @property
    def sha1(self) -> str:
        """By which the tools of macOS and Windows name a certificate in a store; it proves nothing."""
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest().upper()

    def days_left(self, now: datetime) -> int:
        """Whole days until it expires; negative when it has."""
        return (self.ends - now) // timedelta(days=1)

    def trouble(self, now: datetime) -> str | None:
        """What is wrong with its time, in words that go on from its name."""
        left = self.days_left(now)
        if now < self.begins:
            return f"is not valid before {self.begins:%Y-%m-%d %H:%M} UTC: is this machine's clock right?"
        if left < 0:
            return f"has expired on {self.ends:%Y-%m-%d}"
        return f"expires on {self.ends:%Y-%m-%d}, in {left} days" if left < WARN_DAYS else None


def read(der: bytes) -> Certificate:
    """Read a certificate (DER). Raises CertificateError."""
    try:
        found = x509.load_der_x509_certificate(der)
        key = _kind(found.public_key())
        subject = found.subject.rfc4514_string()
        return Certificate(der, subject, key, found.not_valid_before_utc, found.not_valid_after_utc)
    except Exception as error:  # the library raises errors of many kinds
        problem = f"is no certificate that can be read ({type(error).__name__})"
    raise CertificateError(problem)


def _kind(key: object) -> str:
    match key:
        case rsa.RSAPublicKey():
            return f"RSA {key.key_size}"
        case ec.EllipticCurvePublicKey():
            return f"EC {key.curve.name}"
        case ed25519.Ed25519PublicKey():
            return "Ed25519"
    return type(key).__name__

"""Whom the programs that we start trust: the usual authorities and ours, in one file; the same as a Java truststore.

Rules: 1. The bundle holds what the machine trusts, what the person's variables name, and our authority: variables such
          as SSL_CERT_FILE replace a program's store, and what is tunnelled unread still has its own certificates.
       2. The files are replaced when their content has changed, and never half written.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import certifi

from mitmvault.core.setup import java_truststore
from mitmvault.home import files
from mitmvault.home.layout import Home, HomeError

MAX_BYTES = 16 << 20
# Where systems keep their authorities when Python's OpenSSL was built to look elsewhere: Debian, Red Hat, Alpine.
SYSTEM = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
# Variables in which a person names authorities of his own.
OWN = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO")


@dataclass(frozen=True)
class ChildTrust:
    """Our authority's certificate, the combined bundle (both PEM), the truststore (JKS), and what tells wget, PHP."""

    ca: Path
    bundle: Path
    truststore: Path
    wgetrc: Path
    php: Path


def ensure(home: Home, environ: Mapping[str, str]) -> ChildTrust:
    """Write what is missing or out of date. `environ`: the person's own. Raises HomeError."""
    trust = ChildTrust(home.ca_certificate, home.path / "child-roots.pem", home.path / "child-truststore.jks",
                       home.path / "child-wgetrc", home.path / "child-php" / "mitmvault.ini")  # fmt: skip
    if not trust.ca.exists():
        raise HomeError(f"there is no certificate authority at {trust.ca} yet: start the proxy once, mitmvault serve")
    sources = [trust.ca, _system(environ, trust.bundle), *_own(environ, trust.bundle)]
    found: dict[bytes, None] = {}
    for source in sources:
        found |= dict.fromkeys(_certificates(source))
    pem = "".join(map(ssl.DER_cert_to_PEM_cert, found))
    _write(trust.bundle, pem.encode())
    _write(trust.truststore, java_truststore.truststore(found))
    _write(trust.wgetrc, _wgetrc(environ, trust))
    trust.php.parent.mkdir(files.PRIVATE_DIRECTORY, exist_ok=True)
    _write(trust.php, f'curl.cainfo = "{trust.bundle}"\nopenssl.cafile = "{trust.bundle}"\n'.encode())
    return trust


def _wgetrc(environ: Mapping[str, str], trust: ChildTrust) -> bytes:
    """The person's own configuration of wget, and our line: what is built with GnuTLS reads no variable for these."""
    named = environ.get("WGETRC") or os.path.join(environ.get("HOME", ""), ".wgetrc")
    own = b""
    if os.path.isfile(named) and os.path.realpath(named) != os.path.realpath(trust.wgetrc):  # else we are within a run
        own = files.read(Path(named), MAX_BYTES)
    return own.rstrip(b"\n") + b"\n" * bool(own) + f"ca_certificate = {trust.bundle}\n".encode()


def _system(environ: Mapping[str, str], bundle: Path) -> Path:
    """What programs would trust without us: SSL_CERT_FILE, else the system's file, else certifi's."""
    named = environ.get("SSL_CERT_FILE")
    if named and Path(named) != bundle:
        return Path(named)
    places = (ssl.get_default_verify_paths().openssl_cafile, *SYSTEM)
    return next((path for path in map(Path, places) if path.is_file()), Path(certifi.where()))


def _own(environ: Mapping[str, str], bundle: Path) -> Iterator[Path]:
    for name in OWN:
        if (path := Path(environ.get(name, ""))).is_file() and path != bundle:  # some may name a directory
            yield path


def _certificates(source: Path) -> list[bytes]:
    try:
        return java_truststore.certificates(files.read(source, MAX_BYTES).decode("utf-8", "replace"))
    except ValueError:
        raise HomeError(f"{source} holds a certificate that is no PEM text: mend it, or unset its variable") from None


def _write(path: Path, content: bytes) -> None:
    if not path.exists() or files.read(path, MAX_BYTES) != content:
        files.write_atomic(path, content, keep_previous=False)

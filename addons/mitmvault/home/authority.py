"""The certificate authority: made like mitmproxy makes it, so that it is there before the first start; and read.

Rules: 1. An authority that exists is never touched.
       2. Everything is created private: the directory 0700, files 0600. The private key comes last: where it is, the
          rest is there, too.
       3. The private key is never read here: of the file that holds it, only the certificate.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mitmvault.core.setup import certificate, java_truststore
from mitmvault.core.setup.certificate import Certificate, CertificateError
from mitmvault.home import files
from mitmvault.home.layout import Home, HomeError

MAX_BYTES = 1 << 20
MISSING = "there is no certificate authority at {} yet: make one, mitmvault init"


@dataclass(frozen=True)
class Authority:
    """The certificate that clients must trust, its file (PEM), and what to warn about."""

    certificate: Certificate
    path: Path
    warnings: tuple[str, ...]


def ensure(home: Home) -> bool:
    """Make the authority if there is none, in the home directory, which must exist. Was there none?"""
    with files.locked(home.path):
        if home.ca_key.exists():
            return False
        home.ca.mkdir(files.PRIVATE_DIRECTORY, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.path, prefix=".ca.") as name:  # mode 0700
            made = Path(name)
            _make(made)
            for path in sorted(made.iterdir(), key=lambda path: path.name == home.ca_key.name):  # rule 2
                path.chmod(files.PRIVATE_FILE)
                os.replace(path, home.ca / path.name)
    return True


def load(home: Home, now: datetime | None = None) -> Authority:
    """The authority of this home. Raises HomeError when there is none, or when it cannot be read."""
    if not home.ca_key.exists():
        raise HomeError(MISSING.format(home.ca))
    used = _read(home.ca_key)
    return Authority(used, home.ca_certificate, tuple(_warnings(home, used, now or datetime.now(UTC))))


def _warnings(home: Home, used: Certificate, now: datetime) -> list[str]:
    found = []
    if trouble := used.trouble(now):
        found.append(f"the certificate authority {trouble}; {_ANOTHER.format(home.ca)}")
    if not home.ca_certificate.exists() or _read(home.ca_certificate).der != used.der:
        found.append(
            f"{home.ca_certificate} is not the certificate of {home.ca_key.name}: "
            f"mitmvault ca export --out {home.ca_certificate}"
        )
    return found


_ANOTHER = "for another one, stop the proxy, move {} away and start it again: clients must trust the new one"


def _read(path: Path) -> Certificate:
    try:
        every = java_truststore.certificates(files.read(path, MAX_BYTES).decode("utf-8", "replace"))
        if not every:
            raise CertificateError("holds no certificate")
        return certificate.read(every[0])
    except CertificateError as error:
        problem = f"{path} {error}"
    except ValueError:
        problem = f"{path} holds a certificate that is no PEM text"
    raise HomeError(problem)  # outside the handler: the other exceptions may hold what was read


def _make(directory: Path) -> None:
    # Imported here: it takes a third of a second, and only the first start needs it.
    from mitmproxy.certs import CertStore
    from mitmproxy.options import CONF_BASENAME, KEY_SIZE

    CertStore.create_store(directory, CONF_BASENAME, KEY_SIZE)

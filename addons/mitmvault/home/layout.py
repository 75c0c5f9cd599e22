"""Where the home directory is, and what lies where in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "MITMVAULT_HOME"
DEFAULT = ".mitmvault"


class HomeError(Exception):
    """The home directory cannot be used. The text is one sentence that says what to do."""


@dataclass(frozen=True)
class Home:
    """The home directory; nothing is read or created by naming it."""

    path: Path

    @classmethod
    def find(cls, option: str | None, environ: Mapping[str, str]) -> Home:
        """The home of `--home`, else of $MITMVAULT_HOME, else ~/.mitmvault."""
        user = Path(environ["HOME"]) if environ.get("HOME") else None
        named = option or environ.get(VARIABLE)
        try:
            path = Path(named).expanduser() if named else (user or Path.home()) / DEFAULT
        except RuntimeError:  # ~nobody, or no home directory at all
            raise HomeError(f"cannot tell where the home directory is: name it with --home or {VARIABLE}") from None
        return cls(path.absolute())

    @property
    def vault(self) -> Path:
        """The encrypted vault."""
        return self.path / "ai.json.enc"

    @property
    def users(self) -> Path:
        """Who may in."""
        return self.path / "users.json"

    @property
    def settings(self) -> Path:
        """Optional settings."""
        return self.path / "mitmvault.yaml"

    @property
    def catalogue(self) -> Path:
        """Optional providers of the operator's own, added to the catalogue that ships with mitmvault."""
        return self.path / "providers.yaml"

    @property
    def ca(self) -> Path:
        """The certificate authority: mitmproxy's `confdir`."""
        return self.path / "ca"

    @property
    def ca_key(self) -> Path:
        """The authority's private key, and its certificate behind it, PEM."""
        return self.ca / "mitmproxy-ca.pem"

    @property
    def ca_certificate(self) -> Path:
        """The authority's certificate, PEM: what clients must trust."""
        return self.ca / "mitmproxy-ca-cert.pem"

    @property
    def cryptoken(self) -> Path:
        """The vault's password, when the environment does not hold it."""
        return self.path / "cryptoken"

    @property
    def state(self) -> Path:
        """Where the running proxy can be found."""
        return self.path / "state.json"

    @property
    def run(self) -> Path:
        """The control socket of the running proxy lies in here."""
        return self.path / "run"

    @property
    def ledger(self) -> Path:
        """The record of usage."""
        return self.path / "ledger.sqlite3"

"""Requests for the vault, carried out on the files of the home. Blocking: PBKDF2 and the disk take their time.

Rules: 1. The sealed vault and its replacement are for who has the crypto token; a user token is nobody here. The plain
          vault is for who can decrypt it.
       2. What does not decrypt with the crypto token, or is no vault, does not replace one.
       3. Wrong tokens are counted: after `FAILURES` within `PERIOD` seconds nobody is heard for a while.
       4. No answer quotes what is in a vault; the plain vault itself is the one exception.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from mitmvault.core.configuration import vault
from mitmvault.core.configuration.throttle import Throttle
from mitmvault.core.configuration.vault import VaultError
from mitmvault.core.formats.openssl import SealError
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.pages import vault_api
from mitmvault.core.refusal import Answer
from mitmvault.home import store
from mitmvault.home.layout import Home
from mitmvault.home.password import crypto_token

FAILURES = 10
PERIOD = 60


class VaultAccess:
    """Who may have the vault, and the reading and writing of it. One call at a time."""

    def __init__(self, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._environ = environ
        self._clock = clock
        self._throttle = Throttle(FAILURES, PERIOD)

    def refused(self, home: Home, arrival: Arrival, public: bool) -> Answer | None:
        """Why the request is not heard, decided on its head; None when it is. Raises HomeError."""
        reads, sealed = arrival.method in vault_api.READS, vault_api.path_of(arrival) == vault_api.SEALED
        if reads and sealed and public:
            return None
        token = vault_api.bearer(arrival)
        if token is None:
            return vault_api.missing_token() if reads else vault_api.unauthorized()
        if seconds := self._throttle.wait(self._clock()):
            return vault_api.too_many(seconds)
        if sealed and token != crypto_token(home, self._environ):
            self._throttle.failed(self._clock())
            return vault_api.unauthorized()
        return None

    def read(self, home: Home, arrival: Arrival) -> Answer:
        """Answer a GET or HEAD that was not refused. Raises HomeError."""
        sealed = store.sealed_vault(home)
        if sealed is None:
            return vault_api.no_vault(arrival)
        plain = b""
        if vault_api.path_of(arrival) == vault_api.PLAIN:
            opened = self._opened(sealed, arrival)
            if opened is None:
                return vault_api.wrong_password()
            plain = opened
        version = store.version(sealed)
        if status := vault_api.condition(arrival, version):
            return vault_api.unchanged(version) if status == 304 else vault_api.stale()
        return vault_api.plain_vault(plain, version) if plain else vault_api.sealed_vault(sealed, version)

    def write(self, home: Home, arrival: Arrival, body: bytes) -> Answer:
        """Answer a PUT that was not refused. Raises HomeError, and OSError when the disk fails."""
        if not body.strip():
            return vault_api.failure(400, "Empty body")
        password = crypto_token(home, self._environ)
        try:
            store.replace_vault(home, body, password, lambda version: not vault_api.condition(arrival, version))
        except (SealError, VaultError) as error:
            return vault_api.failure(400, "Invalid vault", str(error))
        except store.StaleError:
            return vault_api.stale()
        return vault_api.updated(store.version(body))

    def _opened(self, sealed: bytes, arrival: Arrival) -> bytes | None:
        """The plain vault, if the request's token opens it; a wrong token may open it to noise, which is no JSON."""
        token = vault_api.bearer(arrival)
        assert token is not None  # or it would have been refused
        try:
            plain = store.unseal(sealed, token)
            vault.load_document(plain)
        except (SealError, VaultError):
            self._throttle.failed(self._clock())
            return None
        return plain

"""The crypto token, which is the vault's password: from the environment, else from a file beside the vault.

Rules: 1. $AI_JSON_CRYPTOKEN wins over the file, so that an operator can keep the password off the disk.
       2. It becomes a `Secret` here; nothing else reads the variable or the file.
"""

from __future__ import annotations

from collections.abc import Mapping

from mitmvault.core.secret import Secret
from mitmvault.home import files
from mitmvault.home.layout import Home, HomeError

VARIABLE = "AI_JSON_CRYPTOKEN"
MAX_LENGTH = 4096


def crypto_token(home: Home, environ: Mapping[str, str]) -> Secret:
    """The vault's password, or a HomeError that says how to provide it."""
    if environ.get(VARIABLE):
        return Secret(environ[VARIABLE])
    if not home.cryptoken.exists():
        raise HomeError(
            f"the vault has no crypto token: set {VARIABLE}, or write it to {home.cryptoken} (chmod 600 that file)"
        )
    return _from_file(home)


def known(home: Home, environ: Mapping[str, str]) -> bool:
    """Is there a crypto token?"""
    return bool(environ.get(VARIABLE)) or home.cryptoken.exists()


def _from_file(home: Home) -> Secret:
    data = files.read(home.cryptoken, MAX_LENGTH)
    try:
        token = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        token = ""
    if not token or "\n" in token:
        raise HomeError(f"{home.cryptoken} must hold the crypto token in one line of UTF-8 text: write it there again")
    return Secret(token)

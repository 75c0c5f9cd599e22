"""The vault's envelope, as `openssl enc -aes-256-cbc -a -pbkdf2 -iter 100000` writes and reads it.

    base64( "Salted__" | salt 8 | AES-256-CBC with PKCS#7 padding )
    PBKDF2-HMAC-SHA256(password, salt, 100 000 rounds, 48 bytes) -> key 32 | IV 16

Rules: 1. No message ever holds content, neither sealed nor plain.
       2. The size is limited before anything is decoded; base64 is strict, only blanks between its characters are not.
       3. CBC proves nothing: damage can go unnoticed, one wrong password in 256 "works". The caller checks the schema.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from mitmvault.core.secret import Secret

MAX_BYTES = 32 * 1024 * 1024
MAGIC = b"Salted__"
SALT_LENGTH = 8
ROUNDS = 100_000
COLUMNS = 64  # openssl's own line length; its decoder cannot read one long line without -A

_BLOCK = 16
_KEY = 32
_HEAD = len(MAGIC) + SALT_LENGTH


class SealError(ValueError):
    """The text is no sealed vault, or the password does not open it."""


def seal(plain: bytes, password: Secret, salt: bytes) -> bytes:
    """Encrypt. `salt` is 8 fresh random bytes; the same salt twice shows that two vaults are equal."""
    if len(salt) != SALT_LENGTH:
        raise ValueError(f"the salt must have {SALT_LENGTH} bytes")
    padder = padding.PKCS7(_BLOCK * 8).padder()
    encryptor = _cipher(password, salt).encryptor()
    body = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    text = base64.b64encode(MAGIC + salt + body)
    lines = b"".join(text[at : at + COLUMNS] + b"\n" for at in range(0, len(text), COLUMNS))
    _limit(lines)  # what could not be read again is not written
    return lines


def unseal(text: bytes, password: Secret) -> bytes:
    """Decrypt a sealed vault in any wrapping: one line, 64 columns, CRLF, blanks around it."""
    raw = _decoded(text)
    if not raw.startswith(MAGIC):
        raise SealError('the vault does not start with "Salted__": it is not the output of openssl enc with a salt')
    body = raw[_HEAD:]
    if not body or len(body) % _BLOCK:
        raise SealError("the vault is truncated: its length is not a whole number of AES blocks")
    decryptor = _cipher(password, raw[len(MAGIC) : _HEAD]).decryptor()
    unpadder = padding.PKCS7(_BLOCK * 8).unpadder()
    padded = decryptor.update(body) + decryptor.finalize()
    try:
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise wrong_password() from None


def wrong_password() -> SealError:
    """The error for content that makes no sense after decryption; the caller raises it too (rule 3)."""
    return SealError("the vault does not open: the crypto token (AI_JSON_CRYPTOKEN) is wrong or the vault corrupted")


def _decoded(text: bytes) -> bytes:
    _limit(text)
    packed = b"".join(text.split())
    if not packed:
        raise SealError("the vault is empty")
    try:
        return binascii.a2b_base64(packed, strict_mode=True)
    except binascii.Error:
        raise SealError("the vault is not base64 text") from None


def _limit(text: bytes) -> None:
    if len(text) > MAX_BYTES:
        raise SealError(f"the vault is larger than {MAX_BYTES // 2**20} MiB")


def _cipher(password: Secret, salt: bytes) -> Cipher[modes.CBC]:
    # surrogateescape: a token that is not UTF-8 arrives from the environment as openssl would have read it.
    raw = password.reveal().encode("utf-8", "surrogateescape")
    derived = hashlib.pbkdf2_hmac("sha256", raw, salt, ROUNDS, _KEY + _BLOCK)
    return Cipher(algorithms.AES(derived[:_KEY]), modes.CBC(derived[_KEY:]))

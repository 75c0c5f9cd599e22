"""Take a secret out of a stream of bytes, in case a provider repeats it. (SECURITY P11)

Rules: 1. Every byte that is not part of the secret passes unchanged, and at once: bytes are held back only while they
          could be the beginning of the secret, and never more than its length.
       2. The length of what passes never changes: a secret becomes as many asterisks.
       3. What is encoded is watched in a decoded copy. When the secret comes, the rest is blanked: it cannot be mended
          in place, and an unreadable answer is better than a key in the wrong hands.
"""

from __future__ import annotations

from mitmvault.core.formats import coding

BLOT = b"*"


class Mask:
    """For bytes as they are."""

    def __init__(self, secrets: tuple[bytes, ...]) -> None:
        self.secrets = tuple(secret for secret in secrets if secret)
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Some more bytes; returns what may pass. `b""` is the end: everything that was held comes out."""
        text = self._held + data
        for secret in self.secrets:
            text = text.replace(secret, BLOT * len(secret))
        keep = self.suspicious(text) if data else 0
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def suspicious(self, text: bytes) -> int:
        """How many bytes at the end could be the beginning of a secret."""
        longest = 0
        for secret in self.secrets:
            at = text.find(secret[:1], max(0, len(text) - len(secret) + 1))
            while at >= 0:
                if secret.startswith(text[at:]):
                    longest = max(longest, len(text) - at)
                    break
                at = text.find(secret[:1], at + 1)
        return longest


class Watch:
    """For encoded bytes: the same interface, by a decoded copy.

    The encoded bytes are looked at as well: codings store what does not compress as it is, and zstd's decoder says
    nothing of a block before its end.
    """

    def __init__(self, secrets: tuple[bytes, ...], content_encoding: str) -> None:
        self._decode = coding.decoder(content_encoding)
        self._mask = Mask(secrets)
        self._held = self._encoded_tail = self._plain_tail = b""
        self._blank = False

    def feed(self, data: bytes) -> bytes:
        """Some more encoded bytes; returns what may pass, at the same length."""
        self._held += data
        if data and not self._blank:
            self._encoded_tail = self._look(self._encoded_tail + data)
            self._plain_tail = self._look(self._plain_tail + self._decoded(data))
            if not self._blank and (self._encoded_tail or self._plain_tail):
                return b""
        passed, self._held = self._held, b""
        return bytes(len(passed)) if self._blank else passed

    def _look(self, text: bytes) -> bytes:
        """Blank from now on if the secret is there; else return what could be its beginning."""
        self._blank = self._blank or any(secret in text for secret in self._mask.secrets)
        return text[len(text) - self._mask.suspicious(text) :]

    def _decoded(self, data: bytes) -> bytes:
        try:
            return b"".join(self._decode(data)) if self._decode else b""
        except coding.ERRORS:
            self._decode = None  # not what it says it is: nobody can decode a secret out of it
            return b""


def filter_for(secrets: tuple[bytes, ...], content_encoding: str) -> Mask | Watch:
    """The filter for an answer with this Content-Encoding; an unknown coding is treated as no coding."""
    known = content_encoding.strip().lower() in coding.CODINGS
    return Watch(secrets, content_encoding) if known else Mask(secrets)

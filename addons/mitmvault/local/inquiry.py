"""Our own requests to our own listener, for a user: there is no second way for a key. (GET /v1/models)

Such a request meets the gate like any other: the user's scope, the choice of a key, the gateway, masking, the journal.
Instead of a token it carries a nonce, because mitmvault knows tokens by their digests alone.

Rules: 1. A nonce stands for one user and one target. It is random, is good for one request, and for a short time.
       2. It is believed from this machine alone (the gate sees to it), and never sent on (core/message/credentials.py).
       3. The same question of the same user is asked once at a time; who asks meanwhile waits for that answer.
       4. Answers are bounded in size and time.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.simple_httpclient import HTTPTimeoutError, SimpleAsyncHTTPClient

from mitmvault import __version__
from mitmvault.core.message.arrival import Headers
from mitmvault.core.message.credentials import INQUIRY
from mitmvault.core.refusal import Answer

MAX_BODY_BYTES = 8 * 2**20


@dataclass(frozen=True)
class _Nonce:
    user: str
    request: str  # method and target
    until: float  # time.monotonic()


class Inquiries:
    """Asks, and knows the nonces that are out."""

    def __init__(self) -> None:
        self._nonces: dict[str, _Nonce] = {}
        self._asking: dict[tuple[str, str], asyncio.Future[Answer]] = {}

    def redeem(self, nonce: str, request: str) -> str | None:
        """The name of the user for whom this request is made; None for a nonce that is not good for it."""
        found = self._nonces.pop(nonce, None)
        good = found is not None and found.request == request and time.monotonic() < found.until
        return found.user if found and good else None

    async def ask(self, listener: tuple[str, int], user: str, target: str, headers: Headers, seconds: float) -> Answer:
        """GET a target of our own as this user. Raises TimeoutError, or OSError for what is no answer."""
        question = (user, target)
        if question in self._asking:
            return await asyncio.shield(self._asking[question])
        answered = self._asking[question] = asyncio.get_running_loop().create_future()
        try:
            found = await self._fetch(listener, self._issue(user, target, seconds), target, headers, seconds)
        except BaseException as error:
            answered.set_exception(error if isinstance(error, OSError) else OSError("the question was given up"))
            answered.exception()  # nobody need have waited for it
            raise
        else:
            answered.set_result(found)
            return found
        finally:
            del self._asking[question]

    def _issue(self, user: str, target: str, seconds: float) -> str:
        now = time.monotonic()
        self._nonces = {nonce: kept for nonce, kept in self._nonces.items() if now < kept.until}
        nonce = secrets.token_urlsafe(32)
        self._nonces[nonce] = _Nonce(user, f"GET {target}", now + seconds)
        return nonce

    async def _fetch(
        self, listener: tuple[str, int], nonce: str, target: str, headers: Headers, seconds: float
    ) -> Answer:
        host = f"[{listener[0]}]" if ":" in listener[0] else listener[0]
        request = HTTPRequest(
            f"http://{host}:{listener[1]}{target}",
            headers={**dict(headers), INQUIRY: nonce, "Accept": "application/json"},
            connect_timeout=seconds, request_timeout=seconds, follow_redirects=False, decompress_response=False,
            user_agent=f"mitmvault/{__version__}",
        )  # fmt: skip
        client = SimpleAsyncHTTPClient(force_instance=True, max_body_size=MAX_BODY_BYTES)
        try:
            found = await client.fetch(request, raise_error=False)
        except HTTPTimeoutError:
            raise TimeoutError(f"no answer within {seconds} s") from None
        except HTTPClientError:
            raise OSError(f"the connection broke, or the answer is longer than {MAX_BODY_BYTES} bytes") from None
        finally:
            client.close()
        return Answer(found.code, tuple((name.lower(), value) for name, value in found.headers.get_all()), found.body)

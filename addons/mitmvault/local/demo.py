"""The provider `demo`: it answers LLM requests by telling what reached it, so that a newcomer needs no key to try.

Rules: 1. It listens on loopback only, on a port of its own choice, inside mitmproxy's asyncio loop.
       2. It shows a key by its fingerprint and never repeats a key or a token, in an answer or in a log.
       3. "Your token did not arrive" is said only after looking for it.
"""

from __future__ import annotations

from collections.abc import Callable

from tornado.web import Application, RequestHandler

from mitmvault.local.dialects import Ask
from mitmvault.local.endpoints import NotFound, routes
from mitmvault.local.exchange import Behaviour
from mitmvault.local.inspection import Inspection, credentials, inspect
from mitmvault.local.loopback import LoopbackServer

# Long enough that a person sees the words arrive, short enough not to bore.
PAUSE_SECONDS = 0.06
MAX_BODY_BYTES = 32 * 1024 * 1024


class Demo:
    """Start it inside a running asyncio loop; `is_user_token` knows the tokens that must not arrive here."""

    def __init__(self, is_user_token: Callable[[str], bool]) -> None:
        self._behaviour = DemoBehaviour(is_user_token)
        self._server: LoopbackServer | None = None

    def start(self) -> int:
        """Listen on 127.0.0.1 and return the port."""
        if self._server is not None:
            raise RuntimeError("the demo provider already runs")
        behaviour = self._behaviour
        application = Application(
            routes(behaviour),
            default_handler_class=NotFound,
            default_handler_args={"behaviour": behaviour},
            log_function=_silent,
        )
        self._server = LoopbackServer(application, max_body_size=MAX_BODY_BYTES, max_buffer_size=MAX_BODY_BYTES)
        return self._server.start_anywhere()

    def stop(self) -> None:
        """Stop listening and end all streams. Does nothing if it does not run."""
        if self._server is not None:
            self._server.close()
            self._server = None


class DemoBehaviour(Behaviour):
    """Ask for exactly one key, answer with what arrived, and take one's time over it."""

    pause = PAUSE_SECONDS
    server = "mitmvault-demo"

    def __init__(self, is_user_token: Callable[[str], bool]) -> None:
        super().__init__()
        self._is_user_token = is_user_token

    def refusal(self, handler: RequestHandler) -> str | None:
        """Anything but one key is a mistake of the proxy's that should be seen."""
        request = handler.request
        count = len(credentials(request.uri or "", request.headers.get_all()))
        if count == 1:
            return None
        found = "no key" if count == 0 else f"{count} keys"
        return f"The demo provider found {found} in this request, and wants exactly one, in one header."

    def text(self, handler: RequestHandler, ask: Ask) -> str:
        """The story of the request."""
        request = handler.request
        inspection = inspect(request.uri or "", request.headers.get_all(), request.body, self._is_user_token)
        # Only what the client wrote can hold a secret; blotting "demo" out of everything would garble the story.
        endpoint = f"{request.method} {inspection.blotted(request.path)}"
        return story(inspection, endpoint, inspection.blotted(ask.model))


def story(inspection: Inspection, endpoint: str, model: str) -> str:
    """Tell in plain sentences what arrived."""
    place = inspection.credentials[0].place
    return (
        "Hello from mitmvault's built-in demo provider! "
        f"Your request reached me as {endpoint} and asks for the model {model}. "
        f"In {place} I found {_about_key(inspection)}. {_about_tokens(inspection)}"
    )


def _about_key(inspection: Inspection) -> str:
    key = inspection.credentials[0].key
    if key in inspection.tokens:
        return f"no provider key but a user token, {key.fingerprint}"
    if key.fingerprint == "…":
        return "a provider key too short to show any of it"
    return f"a provider key that ends in {key.fingerprint}"


def _about_tokens(inspection: Inspection) -> str:
    if inspection.token_places:
        places = " and ".join(inspection.token_places)
        return (
            f"WARNING: a user token DID ARRIVE here, in {places}. A provider must never see one. "
            "If this request came through mitmvault, please report it as a bug; if you called me directly, "
            "send the request to mitmvault instead."
        )
    looked = "the path, every header, the cookies, the query and the body"
    if not inspection.complete:
        looked += " (its first 256 KiB)"
    return (
        f"Your user token did not arrive: I looked in {looked}. "
        "That is the whole idea: you send a token, the proxy puts the real key in its place, "
        "and my answer streams back to you unchanged."
    )


def _silent(handler: RequestHandler) -> None:
    """No access log: it would print the query."""

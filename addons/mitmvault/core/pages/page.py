"""The pages that mitmvault answers itself: what one is, and which one a request asks for. (The table: local/pages.py)

Rules: 1. Pages are for requests to our own address. `X-Host-Final`, or a provider's name in front, leads past them.
       2. A method that a page does not have is refused before anybody is asked for a token: it tells nothing.
          Below a provider's name, other methods are the provider's (`DELETE /openai/v1/models/ID`), and so are they
          where the path names a model to do something with (`POST /v1/models/gemini-2:generateContent`).
       3. A page that needs a token is not reached without one, and one for admins not with another user's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from mitmvault.core.configuration.paths import checked, first_segment
from mitmvault.core.configuration.users import User
from mitmvault.core.configuration.world import World
from mitmvault.core.decide import authenticate
from mitmvault.core.message import form
from mitmvault.core.message.arrival import Arrival, Headers
from mitmvault.core.refusal import Answer, Refusal
from mitmvault.core.route.place import place
from mitmvault.core.route.unified import in_path

READ = "GET, HEAD"
PROVIDER = "{provider}"  # one segment of a path
MODEL = "{model}"  # all the rest, slashes included; may be empty


# Ask our own listener in the user's name: target, more headers, seconds. Raises TimeoutError and OSError.
Ask = Callable[[str, Headers, float], Awaitable[Answer]]
# What a header Accept is shown: the content type and the text.
Shown = Callable[[str], tuple[str, bytes]]


@dataclass(frozen=True)
class Asked:
    """A request for a page, with everything that the answer may depend on."""

    world: World
    arrival: Arrival
    user: User | None = None  # None: the page needs no token
    parameters: Mapping[str, str] = field(default_factory=dict)  # what the path says for {provider} and {model}
    now: float = 0.0  # seconds since 1970
    body: bytes = b""
    ask: Ask | None = None  # (local/inquiry.py)
    metrics: Shown | None = None  # (local/metrics.py)

    @property
    def who(self) -> User:
        """The user of a page that needs a token."""
        assert self.user
        return self.user

    def query(self, name: str) -> str:
        """A decoded value of the query, or an empty string. Raises Refusal when there are two."""
        pairs = (pair.partition("=") for pair in self.arrival.target.partition("?")[2].split("&"))
        values = [unquote(value.replace("+", " ")) for key, _, value in pairs if unquote(key) == name]
        if len(values) > 1:
            raise Refusal("duplicate_field", f"The query has more than one {name!r}; send exactly one.")
        return values[0] if values else ""


Handler = Callable[[Asked], Answer | Awaitable[Answer | None] | None]


def _nobody(world: World, arrival: Arrival) -> bool:
    return False


@dataclass(frozen=True)
class Page:
    """A row of the table. `answer` may give None: the request is then somebody else's after all."""

    methods: str  # as the header Allow names them
    path: str
    answer: Handler | None  # None: goes to the provider that the model names (core/route/unified.py)
    token: bool = True  # only for users
    admin: bool = False  # only for those among them who may see what everybody does
    open_to: Callable[[World, Arrival], bool] = _nobody  # who needs no token all the same
    body: bool = False  # the answer depends on the body

    @property
    def of_provider(self) -> bool:
        """Does the path begin with a provider's name?"""
        return self.path.startswith(f"/{PROVIDER}/")


@dataclass(frozen=True)
class Found:
    """A page that is to be answered. Where its body must be awaited, it is what the request was admitted to."""

    page: Page
    asked: Asked
    dialect: str = "openai"
    needs_body: bool = True


def find(table: Iterable[Page], world: World, arrival: Arrival, now: float) -> Found | None:
    """The page that a request asks for; None when it is for somebody else. Raises Refusal."""
    path = arrival.target.partition("?")[0]
    led_away = arrival.has("x-host-final")
    fitting = [(page, found) for page in table if (found := _match(page.path, path)) is not None and not led_away]
    if first_segment(path) in world.providers:
        fitting = [(page, found) for page, found in fitting if page.of_provider]
    if not fitting:
        return None
    form.check(arrival)
    checked(path)
    if place(world, arrival) is not None:
        return None
    page, parameters = next((pair for pair in fitting if arrival.method in pair[0].methods.split(", ")), (None, {}))
    forwarded = all(page.of_provider for page, _ in fitting) or in_path(world, arrival)
    if page is None and not forwarded:
        raise _wrong_method(", ".join(dict.fromkeys(page.methods for page, _ in fitting)), path)
    if page is None or page.answer is None:
        return None
    open_ = page.open_to(world, arrival)
    user = authenticate(world, arrival) if (page.token or page.admin) and not open_ else None
    if page.admin and not open_ and not (user and user.admin):
        raise Refusal("admin_only", "This page is for admins: `mitmvault users add NAME --admin` makes one.")
    return Found(page, Asked(world, arrival, user, parameters, now))


def _match(template: str, path: str) -> dict[str, str] | None:
    """What the path says for the template's names; None when it does not fit."""
    found = {}
    wanted, given = template.split("/"), path.split("/")
    if wanted[-1] == MODEL and len(given) >= len(wanted):
        given[len(wanted) - 1 :] = ["/".join(given[len(wanted) - 1 :])]
    if len(given) != len(wanted):
        return None
    for want, segment in zip(wanted, given, strict=True):
        if want in (PROVIDER, MODEL):
            found[want[1:-1]] = unquote(segment)
        elif want != segment:
            return None
    return found


def _wrong_method(allowed: str, path: str) -> Refusal:
    text = f"This path serves {allowed}, and no other method."
    return Refusal(
        "method_not_allowed", text, "anthropic" if path.endswith("/messages") else "openai", (("allow", allowed),)
    )

"""The dashboard: which requests are for it, who may see what it shows, and the headers of its answers.

Rules: 1. It is served at our own address alone, below /ui/, unless the vault has a provider of that name. Requests with
          `X-Host-Final` are for a provider.
       2. Its requests stay out of the flows that observers see: they are the first of their connection. One that is not
          is sent to a new connection, once.
       3. What it shows is for admins: with their token in a header, or with a session, which is a cookie and a word
          that only our own pages know. A cookie alone goes to every port of this host, and opens nothing.
       4. Nothing of it changes anything. No other origin may use it, whatever `allow_origins` says.
       5. Its pages run our own scripts alone, and talk to us alone. (Content Security Policy Level 3)
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from mitmvault.core.configuration.users import User
from mitmvault.core.configuration.world import World
from mitmvault.core.message import form
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.message.credentials import UI_PAGE as UI_PAGE
from mitmvault.core.refusal import Answer, Refusal
from mitmvault.core.route.place import place

NAME = "ui"  # the first segment of its paths
ROOT = f"/{NAME}/"
SESSION = f"{ROOT}session"
API = f"{ROOT}api/"
AGAIN = "again"  # in the query of a request that was sent to a new connection
LIFETIME = 12 * 3600  # seconds of a session

SECURITY: tuple[tuple[str, str], ...] = (
    ("content-security-policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
     "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cache-control", "no-store"),
)  # fmt: skip
_REQUEST_LINE = re.compile(rb"[!-~]+ (/[!-~]*) HTTP/1\.[01]\r?\n")
_HOST_FINAL = re.compile(rb"\n *x-host-final *:", re.I)


def begins(world: World, data: bytes) -> bool:
    """Do these first bytes of a connection ask for the dashboard?"""
    match = _REQUEST_LINE.match(data)
    return match is not None and covers(world, match[1].decode()) and not _HOST_FINAL.search(data)


def covers(world: World, target: str) -> bool:
    """Is this target the dashboard's? To be asked only of requests for our own address."""
    path = target.partition("?")[0]
    return (path == f"/{NAME}" or path.startswith(ROOT)) and NAME not in world.providers


def check(world: World, arrival: Arrival) -> None:
    """Is this a request for the dashboard, at a name of ours, and from no page of somebody else's? Raises Refusal."""
    form.check(arrival)
    if place(world, arrival) is not None or arrival.has("x-host-final"):
        raise Refusal("destination_refused", "The dashboard is served under this proxy's own address alone.")
    if not covers(world, arrival.target):
        raise Refusal("new_connection_needed", "This connection began with a request for the dashboard: open another.")
    path = path_of(arrival)
    if path == SESSION or path.startswith(API):
        _check_site(arrival)


def out_of_place(arrival: Arrival) -> Answer:
    """The answer to a request for the dashboard that became a flow: try on a new connection. Raises Refusal."""
    path, _, query = arrival.target.partition("?")
    close = ("connection", "close")
    if re.search(rf"(^|&){AGAIN}=", query):
        text = "The dashboard is served as the first request of a plain HTTP connection, sent in one piece."
        raise Refusal("new_connection_needed", text, headers=(close,))
    place = f"{path}?{query + '&' if query else ''}{AGAIN}=1"
    return Answer(307, (("location", place), ("content-length", "0"), ("cache-control", "no-store"), close), b"")


def path_of(arrival: Arrival) -> str:
    """The target without its query."""
    return arrival.target.partition("?")[0]


def query_of(arrival: Arrival) -> dict[str, str]:
    """The decoded query. Raises Refusal where a name is there twice."""
    try:
        pairs = parse_qsl(arrival.target.partition("?")[2], keep_blank_values=True, max_num_fields=32)
    except ValueError:
        raise Refusal("bad_request", "The query has too many names.") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refusal("duplicate_field", "The query has a name more than once; send exactly one.")
    return found


def admitted(user: User) -> User:
    """The user, if it is an admin. Raises Refusal."""
    if not user.admin:
        raise Refusal("admin_only", "The dashboard is for admins: `mitmvault users add NAME --admin` makes one.")
    return user


def cookie_name(arrival: Arrival) -> str:
    """Cookies know no ports: two proxies on one machine have cookies of their own."""
    return f"mitmvault_ui_{arrival.port}"


def cookie(arrival: Arrival) -> str | None:
    """The session that the request brings."""
    pairs = (pair.partition("=") for value in arrival.values("cookie") for pair in value.split(";"))
    return next((value.strip() for name, _, value in pairs if name.strip() == cookie_name(arrival)), None)


def set_cookie(arrival: Arrival, value: str, lifetime: int = LIFETIME) -> tuple[str, str]:
    """The header that gives the browser a session, or with a lifetime of 0 takes it away."""
    secure = "; Secure" if arrival.value("origin").lower().startswith("https://") else ""  # a TLS proxy before us
    text = f"{cookie_name(arrival)}={value}; Max-Age={lifetime}; Path={ROOT}; HttpOnly; SameSite=Strict{secure}"
    return "set-cookie", text


def _check_site(arrival: Arrival) -> None:
    """Rule 4. Browsers say who asks (Fetch Metadata, Origin); what is no browser brings a token."""
    elsewhere = any(value not in ("same-origin", "none") for value in arrival.values("sec-fetch-site"))
    origins = {value.partition("://")[2].lower() for value in arrival.values("origin")}
    if elsewhere or origins - {value.lower() for value in arrival.values("host")}:
        raise Refusal("origin_refused", "The dashboard's data is for its own pages, and for programs with a token.")

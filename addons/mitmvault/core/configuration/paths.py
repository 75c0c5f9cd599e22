"""Join a client's path to the vault's endpoint (DESIGN section 6).

Rules: 1. What follows the native base path is appended to the endpoint, once.
       2. Decide on the decoded path, forward the raw one: `%2F`, `%3A` and `//ws` carry meaning.
       3. Dot segments are refused in every spelling, before anything else looks at the path.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from mitmvault.core.configuration.spec import Spec
from mitmvault.core.refusal import Refusal

OPENAI_TAILS = ("/chat/completions", "/embeddings")
GENERIC_BASE = "/v1"  # what an OpenAI client writes whatever the provider's own base path is


@dataclass(frozen=True)
class Native:
    """A path as the provider sees it: `base` is one of its base paths, or None when the path lies outside them."""

    base: str | None
    tail: str

    @property
    def path(self) -> str:
        return (self.base or "") + self.tail


def checked(path: str) -> str:
    """The path itself. Raises Refusal when it holds dot segments or control characters, encoded or not."""
    decoded = path
    for _ in range(4):  # %252e%252e becomes .. only after the second decoding that some server may do
        # Tomcat and others take `..;x` for a dot segment with a parameter.
        if any(segment.partition(";")[0] in (".", "..") for segment in decoded.replace("\\", "/").split("/")):
            raise Refusal("bad_path", "The path contains '.' or '..' segments; send the path without them.")
        if any(ord(char) < 0x20 or ord(char) == 0x7F for char in decoded):
            raise Refusal("bad_path", "The path contains control characters.")
        decoded = unquote(decoded, errors="replace")
    if not path.startswith("/"):
        raise Refusal("bad_path", "The request target must begin with '/'.")
    return path


def first_segment(path: str) -> str:
    """`groq` of `/groq/v1/models`; "" when nothing follows the first segment."""
    head, slash, _ = path[1:].partition("/")
    return head if slash else ""


def native(spec: Spec, path: str, *, lenient: bool) -> Native:
    """Split a raw path at the native base path.

    `lenient` is for paths that follow our prefix, where `/v1` and no base at all mean the provider's own base.
    An intercepted path is taken literally.
    """
    for spelling, base in spec.bases:
        tail = _after(path, spelling)
        if tail is not None:
            return Native(base, tail)
    if not lenient:
        return Native(None, path)
    tail = _after(path, GENERIC_BASE) if spec.base_path else None
    own_v1 = spec.base_path + GENERIC_BASE  # Workers AI and Azure have a /v1 of their own, for clients of OpenAI's
    base = own_v1 if tail is not None and own_v1 == spec.chat_base else spec.base_path
    return Native(base, path if tail is None else tail)


def openai_door(spec: Spec, path: Native) -> Native:
    """Where the provider's OpenAI-compatible door is elsewhere, lead OpenAI paths there."""
    elsewhere = path.base in (*spec.versions, spec.base_path) and not spec.embedded
    if spec.chat_base and elsewhere and path.tail in OPENAI_TAILS:
        return Native(spec.chat_base, path.tail)
    return path


def join(spec: Spec, endpoint: str, path: Native) -> str:
    """The raw path to request at `endpoint`."""
    own = endpoint_path(endpoint)
    if not own:  # a bare origin has no base path of its own: the native path stands
        return path.path or "/"
    for spelling, _ in spec.bases:
        if own.endswith(spelling):
            root = own[: -len(spelling)]
            break
    else:
        return own + (path.tail if path.base is not None else path.path)
    if path.base is None or path.base in spec.versions or path.base == spec.chat_base:
        return root + path.path
    return own + path.tail


def endpoint_path(endpoint: str) -> str:
    """The endpoint's own base path. One that already names an operation is understood."""
    own = urlsplit(endpoint).path.rstrip("/")
    for tail in OPENAI_TAILS:
        own = own.removesuffix(tail)
    return own


def custom_spec(name: str, endpoint: str) -> Spec:
    """A provider that only the vault knows: its native base path is its endpoint's own.

    `/v9` of an endpoint `http://host/api/v9` may be spelled by the client or left out.
    """
    own = endpoint_path(endpoint)
    segments = own.split("/")[1:]
    shorter = tuple("/" + "/".join(segments[i:]) for i in range(1, len(segments)))
    return Spec(id=name, base_path=own, spellings=shorter)


def _after(path: str, base: str) -> str | None:
    """What follows a base path, raw; None when the path does not begin with it. Compared decoded (rule 2)."""
    wanted = base.split("/")[1:]
    segments = path.split("/")[1:]
    given = [unquote(segment) for segment in segments[: len(wanted)]]
    if len(given) < len(wanted) or not all(w in ("*", g) and g for w, g in zip(wanted, given, strict=True)):
        return None
    rest = segments[len(wanted) :]
    return "/" + "/".join(rest) if rest else ""

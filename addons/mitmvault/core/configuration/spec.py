"""How to talk to one provider: a frozen `Spec`, as the catalogue has it. (core/configuration/catalogue.py)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mitmvault.core.configuration.model_list import USUAL, ModelList

SCHEMES = {"bearer": ("authorization", "Bearer {}"), "x-api-key": ("x-api-key", "{}"),
           "x-goog-api-key": ("x-goog-api-key", "{}"), "api-key": ("api-key", "{}")}  # fmt: skip


@dataclass(frozen=True)
class Auth:
    """One credential scheme; `when` restricts it to native paths in which that text occurs."""

    scheme: str
    when: str = ""

    @property
    def header(self) -> str:
        return SCHEMES[self.scheme][0]

    @property
    def template(self) -> str:
        return SCHEMES[self.scheme][1]


@dataclass(frozen=True)
class Dialect:
    """The error shape of native paths in which `when` occurs."""

    shape: str
    when: str = ""


@dataclass(frozen=True)
class InFrame:
    """Where messages of a WebSocket name the model, dotted: `setup.model`. Where `when` occurs in the native path, the
    handshake need not name it."""

    places: tuple[str, ...]
    when: str = ""


@dataclass(frozen=True)
class UsageAt:
    """Where answers to native paths in which `when` occurs state their tokens (core/formats/usage_shapes.py)."""

    shape: str
    when: str = ""


@dataclass(frozen=True)
class Gateway:
    """Where the provider lives behind Cloudflare AI Gateway.

    `slug` is its name in `/v1/{account}/{gateway}/{slug}/...`; `keep_base` says whether the native base path
    (such as `/v1`) stays in what follows the slug. Cloudflare documents it provider by provider.
    """

    slug: str
    keep_base: bool = False
    labels: int = 0  # how many of the endpoint's host labels follow the slug: Azure's resource, Bedrock's region
    drop: str = ""  # what is left out of the path there: Workers AI's /run, Azure's /deployments
    compat: str = ""  # the prefix of its models at the compat endpoint, where that is not the slug
    author: str = ""  # the same at Cloudflare's REST API
    native_only: bool = False  # neither compat nor REST for it; of its paths those of `drop` alone, where that is set

    @property
    def prefix(self) -> str:
        return self.compat or self.slug

    @property
    def author_name(self) -> str:
        return self.author or self.slug


@dataclass(frozen=True)
class Spec:
    """How to talk to one provider."""

    id: str
    name: str = ""
    aliases: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()  # `*` stands for one label, or a part of one: *.openai.azure.com
    endpoint: str | None = None  # where the provider lives when the vault does not say
    base_path: str = ""  # the native base path, e.g. /openai/v1; `*` stands for a segment that the endpoint decides
    spellings: tuple[str, ...] = ()  # other base paths that mean the same
    versions: tuple[str, ...] = ()  # base paths that the client chooses between; kept as it spelled them
    chat_base: str | None = None  # base path of the OpenAI-compatible door, where it is not base_path
    auth: tuple[Auth, ...] = (Auth("bearer"),)
    errors: tuple[Dialect, ...] = (Dialect("openai"),)
    usage: tuple[UsageAt, ...] = (UsageAt("anthropic", "/messages"), UsageAt("openai"))
    prices: str = ""  # its name in the price list of the package genai-prices; "": not there
    model_in_path: tuple[str, ...] = ()  # e.g. /models/{model}: with what follows the model (see core.path_model)
    model_in_frame: tuple[InFrame, ...] = ()  # and in the messages of one
    model_in_query: tuple[str, ...] = ("model",)  # what names the model in the query of a WebSocket handshake
    models: tuple[str, ...] = ()  # patterns of its models' ids, for requests that name no provider; lower case
    list: ModelList | None = USUAL  # where it says itself which models it has; None: nowhere
    key_forms: tuple[str, ...] = ()  # of keys that are no text to be sent (see core.key_form)
    gateway: Gateway | None = None
    env: tuple[str, ...] = ()  # environment variables that may hold its keys; the first that is set counts
    base_url_env: Mapping[str, str] = field(default_factory=dict)  # an SDK's variable -> what goes behind our address
    key_shape: str = ""  # how its keys look, such as gsk_{52}
    confined: bool = False  # its keys open more than models: nothing outside the base paths is requested
    embedded: bool = False  # served by mitmvault itself
    wild: tuple[tuple[str, str], ...] = ()  # base path with `*` -> the same with the endpoint's segments (`filled`)

    @property
    def names(self) -> tuple[str, ...]:
        return (self.id, *self.aliases)

    @property
    def own_bases(self) -> tuple[str, ...]:
        """Every base path that stands for itself."""
        return tuple(base for base in (self.base_path, *self.versions, self.chat_base) if base)

    @property
    def bases(self) -> tuple[tuple[str, str], ...]:
        """Every base path a client may spell, and the one it stands for; the longest first."""
        spelt = {spelling: self._meant(spelling) for spelling in self.spellings if spelling}
        return tuple(
            sorted((dict(self.wild) | spelt | {b: b for b in self.own_bases}).items(), key=_length, reverse=True)
        )

    def _meant(self, spelling: str) -> str:
        """The base path that a spelling begins (it leaves out the rest), else the usual one."""
        return next((base for base in self.own_bases if base.startswith(spelling + "/")), self.base_path)

    def auth_for(self, path: str) -> Auth:
        """The scheme for a native path: the first whose `when` fits."""
        return next(auth for auth in self.auth if auth.when in path)

    def shape_for(self, path: str) -> str:
        """The error dialect for a native path: the first whose `when` fits."""
        return next(dialect.shape for dialect in self.errors if dialect.when in path)

    def usage_for(self, path: str) -> str:
        """How answers to a native path state their tokens: the first entry whose `when` fits."""
        return next(entry.shape for entry in self.usage if entry.when in path)


def _length(spelling: tuple[str, str]) -> int:
    return len(spelling[0])


def filled(spec: Spec, own_path: str) -> Spec:
    """The spec with the segments of an endpoint's own path in place of the `*` of its base paths.

    Where that path has none of these forms, the spec stays as it is.
    """
    for base in (base for base in spec.own_bases if "*" in base):
        values = own_path.split("/")[1 : base.count("/") + 1]
        wanted = base.split("/")[1:]
        if len(values) == len(wanted) and all(w in ("*", v) for w, v in zip(wanted, values, strict=True)):
            stars = [value for want, value in zip(wanted, values, strict=True) if want == "*"]
            return _with_segments(spec, stars)
    return spec


def _with_segments(spec: Spec, stars: list[str]) -> Spec:
    def concrete(base: str) -> str:
        left = iter(stars)
        return "/".join(next(left, "*") if segment == "*" else segment for segment in base.split("/"))

    return replace(
        spec,
        base_path=concrete(spec.base_path),
        versions=tuple(map(concrete, spec.versions)),
        chat_base=concrete(spec.chat_base) if spec.chat_base else None,
        wild=tuple((base, concrete(base)) for base in spec.own_bases if "*" in base),
    )

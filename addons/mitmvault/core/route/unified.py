"""Pick the provider by the model, for paths that name no provider. (DESIGN section 4.3; reference systems 001 and 002)

Rules: 1. `provider/model` names the provider, by any of its names. It is sent the rest, unless the vault knows
          the id as it stands (`openrouter/auto`).
       2. Else a model that the vault names belongs to the provider that lists it; the lowest priority wins.
       3. Else the catalogue's patterns. By 2 and 3, only providers with a usable key come into question, and that are
          open to the user. Where there is none, another one is found, and refused for what is missing.
       4. Who names the model `default`, or none, gets the operator's `default_model`. Without that setting there is
          no default: what matches nothing is refused.
       5. A text in the body's field `provider` beats all of them. It is ours, and not sent on; an object there
          (OpenRouter's) is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

from mitmvault.core.configuration import path_model
from mitmvault.core.configuration.path_model import PathModel
from mitmvault.core.configuration.paths import first_segment, native
from mitmvault.core.configuration.scope import is_open
from mitmvault.core.configuration.spec import Spec
from mitmvault.core.configuration.users import User
from mitmvault.core.configuration.world import Known, World
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.message.body import Reading
from mitmvault.core.refusal import Refusal
from mitmvault.core.route.gateway import is_usable
from mitmvault.core.route.routing import Route

_TAILS = (  # whose JSON body names the model
    "/chat/completions", "/completions", "/embeddings", "/responses", "/messages", "/messages/count_tokens",
    "/images/generations", "/audio/speech", "/moderations",
)  # fmt: skip
PATHS = frozenset(f"{base}{tail}" for base in ("", "/v1") for tail in _TAILS)
DEFAULT = "default"
Fits = Callable[[Known], bool]  # may this provider be chosen for the user?
_LAST = 1 << 31  # the priority of a model whose priority nobody wrote down


def is_unified(world: World, arrival: Arrival) -> bool:
    """Does this request for our own address leave the provider to the model?"""
    path = arrival.target.partition("?")[0]
    named = arrival.has("x-host-final") or first_segment(path) in world.providers
    return arrival.method == "POST" and path in PATHS and not named


def by_path(world: World, user: User, arrival: Arrival) -> Route | None:
    """The route of a path that names no provider, but a model: /v1beta/models/gemini-2:generateContent."""
    path = arrival.target.partition("?")[0]
    if (named := in_path(world, arrival)) is None:
        return None
    spec, found = named
    known, model = by_model(world, user, found.value)
    if known.spec in world.catalogue.specs and not path_model.find(known.spec.model_in_path, path):
        known, model = world.providers[spec.id], found.value  # whose models are called so has no such paths
    renamed = path if model == found.value else found.renamed(model)
    return Route(known, "model in the path", native(known.spec, renamed, lenient=True))


def in_path(world: World, arrival: Arrival) -> tuple[Spec, PathModel] | None:
    """The model that the path of this request names, where it names no provider, and whose paths look so."""
    path = arrival.target.partition("?")[0]
    if arrival.has("x-host-final") or first_segment(path) in world.providers:
        return None
    for spec in world.catalogue.specs:
        within = native(spec, path, lenient=False).base is not None and not spec.embedded
        if within and (found := path_model.find(spec.model_in_path, path)):
            return spec, found
    return None


def with_default(world: World, reading: Reading | None) -> Reading | None:
    """What a body says, with the operator's model where the client leaves it to him."""
    model = world.settings.default_model
    if model and reading and (reading.model == DEFAULT or reading.lacks_model):
        return replace(reading, given=model)
    return reading


def by_model(world: World, user: User, asked: str | None) -> tuple[Known, str]:
    """The provider for a model that this user asks for, and the model as that provider calls it. Raises Refusal."""
    if asked == DEFAULT:
        asked = world.settings.default_model or asked
    if not asked:
        raise Refusal("missing_model", "The request body must name the model in the field 'model': provider/model.")
    for fits in _fits(world, user):
        for rule in (_by_name, _by_vault, _by_pattern):
            for known, model in rule(world, asked, fits):
                return known, model
    more = ", or set default_model (DEFAULT_MODEL)" if asked == DEFAULT else ""
    raise Refusal("no_provider", f"No provider is known for the model {asked!r}; name it as provider/model{more}.")


def by_provider(world: World, name: str, asked: str | None) -> tuple[Known, str]:
    """The provider that the body names, and the model as that provider calls it. Raises Refusal."""
    known = world.providers.get(name)
    if known is None or known.entry is None:
        raise Refusal("no_provider", f"The field 'provider' names {name!r}, which the vault does not have.")
    if not asked:
        raise Refusal("missing_model", "The request body must name the model in the field 'model'.")
    return known, next((model for found, model in _by_name(world, asked, _any) if found is known), asked)


def _fits(world: World, user: User) -> tuple[Fits, ...]:
    """Who is chosen, from the best to who is better than nobody: the refusal then says what is missing."""

    def usable(known: Known) -> bool:
        return is_usable(world, known)

    return (lambda known: usable(known) and is_open(user, known)), usable, _any


def _any(known: Known) -> bool:
    return True


def _by_name(world: World, asked: str, fits: Fits) -> Iterator[tuple[Known, str]]:
    name, slash, rest = asked.partition("/")
    known = world.providers.get(name)
    if slash and rest and known and (known.entry or fits is _any):  # whom the client names is asked, if he may or not
        stands = known.entry is not None and asked in {model.id for model in known.entry.models}
        yield known, asked if stands else rest


def _by_vault(world: World, asked: str, fits: Fits) -> Iterator[tuple[Known, str]]:
    listed = [
        (_LAST if model.priority is None else model.priority, name)
        for name, entry in world.vault.providers.items()
        for model in entry.models
        if model.id == asked and fits(world.providers[name])
    ]
    for _, name in sorted(listed, key=lambda pair: pair[0]):
        yield world.providers[name], asked


def _by_pattern(world: World, asked: str, fits: Fits) -> Iterator[tuple[Known, str]]:
    for spec in world.catalogue.specs:
        known = world.providers[spec.id]
        if any(fnmatchcase(asked.lower(), pattern) for pattern in spec.models) and fits(known):
            yield known, asked

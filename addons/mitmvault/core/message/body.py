"""Read, and where the gateway wants it change, the model in a request body. (DESIGN section 5 and 6)

Rules: 1. A body that needs no change is not touched: not decoded and encoded again, not even re-spelled.
       2. JSON bodies are unambiguous or refused, whether or not the model matters.
       3. What we cannot read passes as it is, unless the model in it had to be known.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mitmvault.core.configuration.vault import Provider
from mitmvault.core.formats import coding, member, multipart, span
from mitmvault.core.message import stream_options
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.refusal import Refusal

# curl sends JSON as a form unless told otherwise, and older clients send no type at all.
_SNIFFED = frozenset({"", "text/plain", "application/x-www-form-urlencoded"})
JSON_TYPE = ("content-type", "application/json")


@dataclass(frozen=True)
class ModelEdit:
    """The model the client asked for, and the one that is sent."""

    asked: str
    sent: str
    why: str = field(default="", compare=False)  # where a prefix comes from


@dataclass(frozen=True)
class Reading:
    """What a body says: its model, where that stands, and how to write another one there."""

    plain: bytes
    coding: str
    span: span.Span | None
    form: bool = False
    sniffed: bool = False  # JSON that was not declared as such
    edited: bool = False  # a member was taken out or put in: the body must be written, whatever its model
    given: str | None = None  # the model that the operator sets, where the client leaves it to him

    @property
    def model(self) -> str | None:
        return self.given or (self.span.value if self.span else None)

    @property
    def lacks_model(self) -> bool:
        """Does the body leave the model out, in a way that it can be put in?"""
        if self.span is None:
            return not self.form and self.plain.lstrip(b" \t\r\n").startswith(b"{")
        return self.span.value == "" or (not self.form and self.plain[self.span.start : self.span.end] == b"null")

    def without(self, name: str) -> tuple[Reading, str] | None:
        """The reading of the body without this text member, and its text; None when it has none. Raises Refusal."""
        found = member.taken(self.plain, name) if (self.span or self.lacks_model) and not self.form else None
        if found is None:
            return None
        return replace(self, plain=found[0], span=span.find(found[0]), edited=True), found[1]

    def asking_usage(self) -> Reading | None:
        """The reading of the body with stream_options.include_usage; None where that is not to be put in."""
        plain = None if self.form else stream_options.asking(self.plain)
        return replace(self, plain=plain, span=span.find(plain), edited=True) if plain else None

    def with_model(self, model: str) -> bytes:
        """The body with another model, without a coding."""
        if self.span is None:
            return span.insert(self.plain, model)
        return (multipart.replace if self.form else span.replace)(self.plain, self.span, model)

    def written(self, model: str | None = None) -> bytes:
        """The body in the coding it came in, with another model if one is given."""
        return coding.encode(self.plain if model is None else self.with_model(model), self.coding)


def read(arrival: Arrival, body: bytes, limit: int) -> Reading | None:
    """Find the model in a body; None for a body that is neither JSON nor a form. Raises Refusal.

    `limit` caps the decompressed size in bytes.
    """
    declared = arrival.value("content-type")
    media = declared.partition(";")[0].strip().lower()
    encoding = arrival.value("content-encoding").strip().lower()
    mark = multipart.boundary(declared) if media == "multipart/form-data" else None
    declared_json = media == "application/json" or media.endswith("+json")
    if not body or not (mark or declared_json or media in _SNIFFED):
        return None
    plain = coding.decode(body, encoding, limit)
    if mark:
        return Reading(plain, encoding, multipart.find(plain, mark), form=True)
    if declared_json:
        return Reading(plain, encoding, span.find(plain))
    if plain.lstrip(b" \t\r\n").startswith(b"{"):
        return Reading(plain, encoding, span.find(plain), sniffed=True)
    return None


def prefixed(entry: Provider, asked: str, prefix: str | None, *, whole: bool = False) -> str:
    """The model id as the gateway wants it. `prefix` is the provider's; a model's own in the vault beats it.

    An id that is known for the provider's own is always prefixed, even if it begins like the prefix
    (`groq/compound-mini` becomes `groq/groq/compound-mini`): one that the vault knows, or that the client wrote behind
    the provider's name (`whole`). Another one is, unless it already begins with the prefix. The `@cf` of Workers AI is
    a part of the id.
    """
    model = next((model for model in entry.models if model.id == asked), None)
    prefix = (model.gateway_prefix if model else None) or prefix
    complete = any(asked == f"{model.gateway_prefix}/{model.id}" for model in entry.models)
    if not prefix or complete:
        return asked
    has_it = ((model is None and not whole) or prefix.startswith("@")) and asked.startswith(prefix + "/")
    return asked if has_it else f"{prefix}/{asked}"


def prefix_from(entry: Provider, asked: str, prefix: str | None) -> str:
    """Who says which prefix a model gets, in words."""
    if any(model.id == asked and model.gateway_prefix for model in entry.models):
        return f"gatewayPrefix of the model {asked} in the vault"
    return "gatewayModelPrefix in the vault" if prefix == entry.gateway_model_prefix else "the catalogue"


def edit(entry: Provider, reading: Reading | None, prefix: str | None, named: str | None = None) -> ModelEdit:
    """The model edit that the gateway needs. Raises Refusal when the body names no model.

    `named` is the model as the provider calls it, where the client wrote something else (`provider/model`).
    """
    if reading is None or not reading.model:
        raise Refusal("missing_model", "The request body must name the model as a string in the field 'model'.")
    return ModelEdit(reading.model, prefixed(entry, named or reading.model, prefix, whole=bool(named)))

"""The two outcomes of a decision, and the halfway house between them. (The other outcome is `refusal.Refusal`.)"""

from __future__ import annotations

from dataclasses import dataclass

from mitmvault.core import story
from mitmvault.core.configuration.key_form import AWS, GOOGLE, SCHEMES, TEXT
from mitmvault.core.configuration.signing import Signing
from mitmvault.core.configuration.users import User
from mitmvault.core.configuration.vault import Key
from mitmvault.core.configuration.world import Known
from mitmvault.core.message.body import ModelEdit
from mitmvault.core.message.frames import Frames
from mitmvault.core.refusal import Refusal
from mitmvault.core.secret import Secret

AIG_AUTHORIZATION = "cf-aig-authorization"


@dataclass(frozen=True)
class Target:
    """Where the request goes, and in which form."""

    mode: str  # direct, or one of core.gateway
    scheme: str
    host: str
    port: int
    path: str  # raw, with its query
    native_path: str  # the provider's own path, for the choice of credential scheme and error shape
    prefixes_model: bool
    gateway_token: Secret | None
    why: str
    prefix: str | None = None  # of the model, unless it has one of its own in the vault
    slug: str = ""  # at the universal endpoint: the provider's name there,
    endpoint: str = ""  # and its own path, without a leading slash
    token_header: str = AIG_AUTHORIZATION
    signing: Signing | None = None  # what a key that signs has to sign

    @property
    def sends_key(self) -> bool:
        """Is a key of the vault's sent? At the REST API, Cloudflare has one, or bills for it."""
        return self.mode != "rest"

    @property
    def wraps_body(self) -> bool:
        """Is the client's body a part of what is sent, and the keys with it?"""
        return self.mode == "universal"

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True)
class Admission:
    """The head of the request is in order: who, which provider by which rule, where to. The body is not read yet."""

    user: User
    known: Known
    rule: str
    target: Target
    path_model: str | None  # the model, where the path names it
    needs_body: bool  # the model in the body must be read or changed before anything may be sent
    asks_usage: bool = False  # a stream is to be asked for its tokens, if its body can be read

    @property
    def dialect(self) -> str:
        return self.known.spec.shape_for(self.target.native_path)

    @property
    def waits(self) -> bool:
        """May nothing be sent before the whole body is here?"""
        return self.needs_body or self.target.signing is not None


@dataclass(frozen=True)
class Undecided:
    """The head of the request is in order, but the model in its body chooses the provider."""

    user: User
    dialect: str
    needs_body: bool = True
    waits: bool = True


@dataclass(frozen=True)
class Several:
    """The head of the request is in order, and its body is a list of steps, each with a provider of its own."""

    user: User
    dialect: str = "openai"
    needs_body: bool = True
    waits: bool = True


@dataclass(frozen=True)
class Counting:
    """How an answer's tokens are counted and priced."""

    shape: str = "openai"  # of core.formats.usage_shapes.SHAPES
    prices: str = ""  # the provider's name in the price list; "": not there
    models: tuple[str, ...] = ()  # what the model may be called there, beside what the answer calls it
    added: bool = False  # we have asked for the usage: the client expects no chunk about it


@dataclass(frozen=True)
class Credential:
    """One header that the wire layer fills in. The flow shows `shown`; the value is in `secret`."""

    header: str
    template: str
    secret: Secret
    label: str
    form: str = TEXT

    @property
    def shown(self) -> str:
        """What every observer sees, e.g. `Bearer [groq #2 …a1f3]`."""
        return self.template.format(f"[{self.label}]")

    def value(self) -> str:
        """The real header value. For the wire ring alone. Raises Refusal for a secret that must not leave as it is."""
        if self.form in (AWS, GOOGLE):
            raise Refusal("not_permitted", "This key is not one to be sent; nothing was sent.")
        return self.template.format(self.secret.reveal())


@dataclass(frozen=True)
class Slot:
    """A place in a body for a credential: the bytes from `start` to `end` show a JSON string in its stead."""

    start: int
    end: int
    credential: Credential
    step: Step


@dataclass(frozen=True)
class Step:
    """One try at the gateway's universal endpoint, with any of these keys. (route/universal.py makes a body of it)"""

    provider: str  # as the vault names it
    slug: str  # as the gateway does
    endpoint: str
    headers: tuple[tuple[str, str], ...]
    keys: tuple[Key, ...]
    key_header: str
    key_template: str
    query: bytes  # a JSON object
    config: bytes | None = None  # another
    most: int = 1  # as many keys are tried
    counting: Counting = Counting()


@dataclass(frozen=True)
class Permit:
    """This request may leave, to this target, with the first of these keys; the others are for further attempts."""

    user: str
    provider: str
    rule: str
    target: Target
    headers: tuple[tuple[str, str], ...]  # set, replacing any of the same name
    keys: tuple[Key, ...]
    key_header: str
    key_template: str
    model: ModelEdit | None
    body: bytes | None  # the edited body; None: the body as it came
    dialect: str
    dropped: frozenset[str] = frozenset()  # headers of the client, in lower case, that are not sent on
    steps: tuple[Step, ...] = ()  # what the body is made of, where the keys stand in it
    slots: tuple[Slot, ...] = ()  # where they stand
    step: int | None = None  # which of a client's own steps this is, from 0
    others: tuple[Permit, ...] = ()  # its further steps, for when this one fails
    frames: Frames | None = None  # what messages of a WebSocket may say, for a user who is limited to some models
    counting: Counting = Counting()

    def credentials(self) -> tuple[Credential, ...]:
        """What the wire layer writes into the head: the provider key, and the gateway's token."""
        found = []
        if self.keys:  # none where the gateway has one itself, or they stand in the body
            key = self.keys[0]
            header, template = SCHEMES.get(key.form, (self.key_header, self.key_template))
            found.append(Credential(header, template, key.secret, f"{self.provider} {key.label}", key.form))
        if token := self.target.gateway_token:
            found.append(Credential(self.target.token_header, "Bearer {}", token, f"gateway {token.fingerprint}"))
        return tuple(found)

    def answered(self, step: str) -> Step | None:
        """Which of the steps answered, as the gateway says it (`cf-aig-step`); None for a permit without any.

        The gateway counts what we sent: keys, not steps. Where it says nothing we know, it was the first.
        """
        if not self.slots:
            return None
        at = int(step) if step.isascii() and step.isdigit() and len(step) < 4 else 0
        return self.slots[at if at < len(self.slots) else 0].step

    @property
    def key_label(self) -> str:
        """Which keys are sent, for people: `#2 …a1f3`."""
        if self.slots:
            return ", ".join(slot.credential.label for slot in self.slots)
        return self.keys[0].label if self.keys else "of the gateway"

    @property
    def story(self) -> str:
        """One line for people. (core/story.py)"""
        asked, sent = (self.model.asked, self.model.sent) if self.model else (None, None)
        return story.begun(self.user, self.provider, self.target.mode, asked, sent, self.key_label, bool(self.slots))

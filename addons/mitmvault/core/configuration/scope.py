"""What a user may use: providers by name or alias, models by id or pattern."""

from __future__ import annotations

from mitmvault.core.configuration.users import User
from mitmvault.core.configuration.vault import Provider
from mitmvault.core.configuration.world import Known
from mitmvault.core.refusal import Refusal


def is_open(user: User, known: Known) -> bool:
    """May the user use this provider, under one of its names?"""
    return any(user.may_use_provider(name) for name in {known.name, *known.names})


def check_provider(user: User, known: Known) -> None:
    """Raises Refusal when the user may not use this provider under any of its names."""
    if not is_open(user, known):
        raise Refusal("provider_not_allowed", f"Your token does not allow the provider {known.name}.")


def check_model(
    user: User, entry: Provider, asked: str | None, prefix: str | None = None, *, whole: bool = False
) -> None:
    """Raises Refusal when the user may not use this model, or is limited to some and names none.

    An id that carries the gateway prefix already (`prefix`, or the vault's) is checked without it, unless the vault
    knows it as it stands, or it is the provider's own id for certain (`whole`).
    """
    if user.models is None:
        return
    if asked is None:
        raise Refusal("model_not_allowed", "Your token is limited to some models, and this request names none.")
    spellings = {asked}
    if not whole and asked not in {model.id for model in entry.models}:
        spellings |= {asked.removeprefix(f"{known}/") for known in (entry.gateway_model_prefix, prefix) if known}
    if not any(user.may_use_model(spelling) for spelling in spellings):
        raise Refusal("model_not_allowed", f"Your token does not allow the model {asked}.")

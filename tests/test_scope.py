"""What a user may use: providers by any name, models by id or pattern, with and without the gateway's prefix."""

from __future__ import annotations

import pytest

from mitmvault.core.configuration.scope import check_model, check_provider
from mitmvault.core.configuration.users import User
from mitmvault.core.refusal import Refusal
from tests.worlds import PROVIDERS, world

WORLD = world()


def allowed(check, *arguments) -> bool:
    try:
        check(*arguments)
    except Refusal as refusal:
        assert refusal.status == 403
        return False
    return True


@pytest.mark.parametrize(
    ("providers", "name", "may"),
    [
        (None, "groq", True),
        ([], "groq", False),
        (["groq"], "groq", True),
        (["groq"], "openai", False),
        (["google-ai-studio"], "gemini", True),
        (["gemini"], "google", True),
        (["claude"], "anthropic", True),
        (["mine"], "mine", True),
        (["Groq"], "groq", False),
        (["*"], "groq", False),
    ],
)
def test_providers(providers, name, may):
    user = User("x", None if providers is None else frozenset(providers), None)
    assert allowed(check_provider, user, WORLD.providers[name]) is may


def entry(prefix: str | None = "groq", *ids: str):
    fields = {"gatewayModelPrefix": prefix, "models": [{"id": name} for name in ids]}
    return world({"groq": fields}).vault.providers["groq"]


@pytest.mark.parametrize(
    ("models", "asked", "may"),
    [
        (None, "any", True),
        (None, None, True),
        ([], "any", False),
        (["a"], "a", True),
        (["a"], "b", False),
        (["a"], None, False),
        (["a"], "A", False),
        (["a*"], "abc", True),
        (["gpt-?o"], "gpt-4o", True),
        (["a"], "groq/a", True),
        (["groq/a"], "groq/a", True),
        (["a"], "groq/b", False),
        (["a"], "groq/groq/a", False),
        (["a"], "openai/a", False),
        (["compound"], "groq/compound", False),  # the vault knows this id as it stands
        (["groq/compound"], "groq/compound", True),
    ],
)
def test_models(models, asked, may):
    user = User("x", None, None if models is None else tuple(models))
    assert allowed(check_model, user, entry("groq", "groq/compound"), asked) is may


def test_without_a_prefix_nothing_is_taken_off():
    assert not allowed(check_model, User("x", None, ("cheap",)), entry(None), "None/cheap")


def test_two_entries_that_share_a_catalogue_entry():
    made = world({"anthropic": PROVIDERS["anthropic"], "claude": PROVIDERS["anthropic"]})
    user = User("x", frozenset({"claude"}), None)
    assert allowed(check_provider, user, made.providers["claude"])
    assert not allowed(check_provider, user, made.providers["anthropic"])

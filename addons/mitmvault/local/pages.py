"""Every route of our own address that has no provider's name in front, and those below one that the vault answers.

Everything else goes to a provider, or is refused (core/route/routing.py). The vault itself is served apart from these
(addons/vault_api.py): its requests must not become flows.
"""

from __future__ import annotations

import inspect
from dataclasses import replace

from mitmvault.core.pages import listing
from mitmvault.core.pages.page import READ, Ask, Found, Page, Shown
from mitmvault.core.pages.route_check import route_check
from mitmvault.core.refusal import Answer
from mitmvault.core.route.unified import PATHS
from mitmvault.local import metrics, models, status, tokens

PAGES = (
    Page(READ, "/", status.root, token=False),
    Page(READ, "/health", status.health, token=False),  # says more to users
    Page(READ, "/metrics", metrics.metrics, admin=True, open_to=metrics.open_to),
    Page(READ, "/v1/models", models.every),
    Page(READ, "/models", models.every),
    Page(READ, "/v1/models/{model}", models.one),
    Page(READ, "/models/{model}", models.one),
    Page(READ, "/ping", status.ping),
    Page(READ, "/v1/providers", listing.providers),
    Page(READ, "/v1/model-options", listing.options),
    Page(READ, "/v1/route-check", route_check),
    Page("POST", "/v1/tokenize", tokens.tokenize, body=True),
    Page(READ, "/{provider}/v1/models", listing.models),
    Page(READ, "/{provider}/v1/models/{model}", listing.models),
    # Several steps, each with a provider of its own: core/route/steps.py; or one chat: core/message/chat_root.py
    Page("POST", "/", None),
    # The model chooses the provider: core/route/unified.py
    *(Page("POST", path, None) for path in sorted(PATHS)),
)


def is_public(method: str, path: str) -> bool:
    """Is this a page for anybody?"""
    return any(page.path == path and not page.token and method in page.methods.split(", ") for page in PAGES)


async def answer(found: Found, body: bytes = b"", ask: Ask | None = None, shown: Shown | None = None) -> Answer | None:
    """The page; None when the request is to go on to a provider. Raises Refusal."""
    assert found.page.answer
    made = found.page.answer(replace(found.asked, body=body, ask=ask, metrics=shown))
    return await made if inspect.isawaitable(made) else made

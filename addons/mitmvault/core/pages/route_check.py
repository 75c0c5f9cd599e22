"""GET /v1/route-check?model=…: where a chat with this model would go, and why. (reference system 001)

Rules: 1. The decision is the one that the chat would meet, on the same path, for the same user. Nothing is sent.
       2. A model that nobody serves is an answer, not an error: `available` is false, and the text says why.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from mitmvault.core.decide import decide
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.message.body import JSON_TYPE
from mitmvault.core.pages.page import Asked
from mitmvault.core.refusal import Answer, Refusal, json_answer
from mitmvault.core.route.unified import by_model
from mitmvault.core.verdict import Permit

CHAT = "/v1/chat/completions"


def route_check(asked: Asked) -> Answer:
    """The page. Raises Refusal when the query names no model."""
    model = asked.query("model")
    if not model:
        raise Refusal("missing_model", "Name the model in the query: ?model=provider/model.")
    verdict = decide(asked.world, _chat(asked), msgspec.json.encode({"model": model}))
    said = {"model": model, "timestamp": int(asked.now * 1000)}
    if isinstance(verdict, Permit):
        return json_answer({"provider": verdict.provider, "available": True} | said | _route(verdict))
    return json_answer(
        {"provider": _provider(asked, model), "available": False}
        | said
        | {"reason": verdict.reason, "message": verdict.text}
    )


def _chat(asked: Asked) -> Arrival:
    """The chat request that the same client would send."""
    hosts = tuple((name, value) for name, value in asked.arrival.headers if name.lower() == "host")
    return replace(asked.arrival, method="POST", target=CHAT, headers=(*hosts, JSON_TYPE), vouched=asked.who)


def _route(permit: Permit) -> dict[str, Any]:
    target, model = permit.target, permit.model
    return {
        "rule": permit.rule,
        "target": target.authority,
        "mode": target.mode,
        "sent_model": model.sent if model else None,
        "why": target.why,
    }


def _provider(asked: Asked, model: str) -> str | None:
    try:
        return by_model(asked.world, asked.who, model)[0].name
    except Refusal:
        return None

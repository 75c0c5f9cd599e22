"""What mitmvault says about itself: to anybody that it is there, to its users who has keys. (reference system 001)

Rules: 1. Health is answered whatever token comes with it: a monitor with an old token must not cause an alarm.
       2. Who has keys is for users alone, as far as their tokens allow.
"""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from mitmvault import __version__
from mitmvault.core.decide import authenticate
from mitmvault.core.pages.listing import usable
from mitmvault.core.pages.page import Asked
from mitmvault.core.refusal import Answer, Refusal, json_answer

_STATUS = {"status": "ok", "service": "mitmvault", "version": __version__}
_HINT = {"hint": "POST to /PROVIDER/v1/chat/completions with your user token; GET /health for checks."}


def root(asked: Asked) -> Answer:
    """GET /"""
    return json_answer(_STATUS | _HINT)


def health(asked: Asked) -> Answer:
    """GET /health"""
    return json_answer(_STATUS | _for_users(asked))


def ping(asked: Asked) -> Answer:
    """GET /ping, for users (reference system 002)"""
    body = b"Pong"
    headers = (("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(body))))
    return Answer(HTTPStatus.OK, (*headers, ("cache-control", "no-store")), body)


def _for_users(asked: Asked) -> dict[str, Any]:
    world = asked.world
    try:
        user = authenticate(world, asked.arrival)
    except Refusal:
        return {}
    available = [known.name for known in usable(world, user)]
    seen = [name for name in world.vault.providers if any(map(user.may_use_provider, world.providers[name].names))]
    return {
        "timestamp": datetime.fromtimestamp(asked.now, UTC).isoformat(timespec="milliseconds"),
        "providers": {name: name in available for name in seen},
        "available_providers": available,
    }

"""GET /v1/models: every model of every provider that the user may use, under one roof. (reference system 002)

Rules: 1. What the vault names is taken from the vault; a provider for which it names nothing is asked, all at once,
          and each within `models_timeout`.
       2. A provider that fails is named, in `errors` and in a header; it does not hide what the others have.
       3. The ids are `provider/model`: what the unified paths understand.
"""

from __future__ import annotations

import asyncio
from typing import Any

from mitmvault.core.configuration import model_list
from mitmvault.core.configuration.scope import check_provider
from mitmvault.core.configuration.world import Known
from mitmvault.core.formats import coding
from mitmvault.core.pages.listing import named, usable
from mitmvault.core.pages.page import Asked
from mitmvault.core.refusal import Answer, Refusal, json_answer
from mitmvault.core.route.unified import by_model
from mitmvault.local.inquiry import MAX_BODY_BYTES

INCOMPLETE = "x-mitmvault-incomplete"
Models = dict[str, dict[str, Any]]  # by the id that the provider knows


class _Failed(Exception):
    """A provider did not say which models it has. `code` is stable, or the reason of a refusal of ours."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


async def every(asked: Asked) -> Answer:
    """GET /v1/models"""
    providers = list(usable(asked.world, asked.who))
    results = await asyncio.gather(*(_tried(asked, known) for known in providers))
    failed = [(known.name, result) for known, result in zip(providers, results, strict=True)
              if isinstance(result, _Failed)]  # fmt: skip
    data = [model for result in results if isinstance(result, dict) for model in result.values()]
    document: dict[str, Any] = {"object": "list", "data": data}
    if not failed:
        return json_answer(document)
    document["errors"] = [{"provider": name, "message": error.message, "code": error.code} for name, error in failed]
    return json_answer(document, 200, (INCOMPLETE, ", ".join(name for name, _ in failed)))


async def one(asked: Asked) -> Answer:
    """GET /v1/models/PROVIDER/MODEL, or any other name that the unified paths understand. Raises Refusal."""
    wanted = asked.parameters["model"]
    if not wanted:
        return await every(asked)
    try:
        known, model = by_model(asked.world, asked.who, wanted)
    except Refusal as refusal:
        raise Refusal("not_found", refusal.text) from None
    check_provider(asked.who, known)
    try:
        found = (await _of(asked, known)).get(model)
    except _Failed as failed:
        raise Refusal("upstream_failed", f"{known.name} does not say which models it has: {failed.message}") from None
    if found is None:
        raise Refusal("not_found", f"Model {model!r} not found for provider {known.name!r}.")
    return json_answer(found)


async def _tried(asked: Asked, known: Known) -> Models | _Failed:
    try:
        return await _of(asked, known)
    except _Failed as failed:
        return failed


async def _of(asked: Asked, known: Known) -> Models:
    """The models of one provider that the user may use. Raises _Failed."""
    entry, shape = known.entry, known.spec.list
    if entry and entry.models:
        return {model["id"]: model | {"id": f"{known.name}/{model['id']}"} for model in named(known, asked.who)}
    if shape is None:
        return {}
    body = await _answer(asked, known, shape)
    try:
        return {
            model: model_list.as_openai(known.name, model, said)
            for model, said in model_list.read(shape, body)
            if asked.who.may_use_model(model)
        }
    except ValueError as error:
        raise _Failed("unreadable", f"the list of models cannot be read: {error}") from None


async def _answer(asked: Asked, known: Known, shape: model_list.ModelList) -> bytes:
    """The provider's own list. Its words about a failure are not repeated."""
    seconds = asked.world.settings.models_timeout
    try:
        assert asked.ask
        reply = await asked.ask(f"{asked.arrival.detour.prefix}/{known.name}{shape.path}", shape.headers, seconds)
    except TimeoutError:
        raise _Failed("timeout", f"no answer within {seconds} s (models_timeout)") from None
    except OSError as error:
        raise _Failed("unreadable", str(error)) from None
    headers = dict(reply.headers)
    if reason := headers.get("x-mitmvault-reason"):
        raise _Failed(reason, f"mitmvault refused with status {reply.status}: docs/errors.md has the reason")
    if reply.status != 200:
        raise _Failed("upstream_status", f"the provider answered with status {reply.status}")
    try:
        return coding.decode(reply.body, headers.get("content-encoding", "").strip().lower(), MAX_BODY_BYTES)
    except Refusal:
        raise _Failed("unreadable", "the answer's content encoding cannot be read") from None

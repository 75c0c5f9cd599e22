"""What decides about a request, and nothing else of it: how a request that was seen becomes a case. (records/case.py)

Rules: 1. No credential, no word of a prompt, no file. Of the headers those stay that a decision looks at, of the query
          what names a model or a version, of a JSON body the model, the provider and whether there are messages, of a
          form the model.
       2. It is proven: judged again, what is left must meet the same decision. Else nothing is saved.
       3. A text that the client sent as a credential is nowhere in the case, by whatever accident.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from mitmvault.core.configuration.hostnames import DEFAULT_PORTS
from mitmvault.core.configuration.users import MIN_TOKEN
from mitmvault.core.configuration.world import World
from mitmvault.core.decide import authenticate
from mitmvault.core.formats import coding, multipart
from mitmvault.core.formats.document import MAX_BYTES
from mitmvault.core.message import imagined
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.message.credentials import candidates
from mitmvault.core.pages.page import Page
from mitmvault.core.records import case
from mitmvault.core.records.case import Case, CaseError, Request
from mitmvault.core.refusal import Refusal
from mitmvault.core.route.place import is_own

HEADERS = frozenset({"x-host-final", "origin", "upgrade", "content-encoding", "cf-aig-no-wholesale"})
QUERY = frozenset({"api-version"})
_COMPARED = ("provider", "mode", "model", "then", "refused", "page")
_MESSAGE = {"role": "user", "content": "…"}


def saved(world: World, arrival: Arrival, body: bytes, decided: Mapping[str, Any], pages: Iterable[Page] = ()) -> Case:
    """The case of a request about which this was decided, in this world. Raises CaseError if it cannot be one."""
    request = _request(world, arrival, body)
    found = case.decision(case.judge(world, request, pages))
    if any(found.get(name) != decided.get(name) for name in _COMPARED) or _address(found) != _address(decided):
        raise CaseError("what decided about this request cannot be saved: it is not in the configuration, or in a part "
                        "of the request that is left out")  # fmt: skip
    made = Case(request, {name: found[name] for name in case.SAVED if name in found})
    try:
        text = case.write(made)
        whole = case.read(text) == made
    except ValueError:  # no text at all, or none that YAML takes
        whole = False
    if not whole:
        raise CaseError("the request holds what cannot stand in a file; it is not saved")
    if any(token in text for token in candidates(arrival) if len(token) >= MIN_TOKEN):
        raise CaseError("the request repeats its credentials where they are not looked for; it is not saved")
    return made


def _address(decided: Mapping[str, Any]) -> str:
    """Without the query, which is reduced."""
    return str(decided.get("url", "")).partition("?")[0]


def _request(world: World, arrival: Arrival, body: bytes) -> Request:
    try:
        kind, content = _body(arrival, body)
    except Refusal as refusal:
        raise CaseError(f"the body cannot be read: {refusal.text}") from None
    left_out = {"content-encoding"} if content else set()
    headers = {name.lower(): value for name, value in arrival.headers if name.lower() in HEADERS - left_out}
    if kind == "body" and arrival.has("content-type"):
        headers["content-type"] = arrival.value("content-type")
    url = f"{_origin(world, arrival)}{_target(world, arrival)}"
    suggested = imagined.arrival(world, arrival.method, url, ()).way
    return Request(
        url=url,
        method=arrival.method,
        user=_user(world, arrival),
        way=None if suggested is arrival.way else arrival.way.value,
        headers=tuple(headers.items()),
        body=content if kind == "body" else None,
        form=content if kind == "form" else (),
    )


def _user(world: World, arrival: Arrival) -> str | None:
    try:
        return authenticate(world, arrival).name
    except Refusal:
        return case.STRANGER if any(candidates(arrival)) else None


def _origin(world: World, arrival: Arrival) -> str:
    own = is_own(world, arrival) and not world.settings.knows_name(arrival.host, arrival.port)
    if own:
        return f"http://127.0.0.1:{imagined.OWN_PORT}"
    host = f"[{arrival.host}]" if ":" in arrival.host else arrival.host
    port = "" if DEFAULT_PORTS.get(arrival.scheme) == arrival.port else f":{arrival.port}"
    return f"{arrival.scheme}://{host}{port}"


def _target(world: World, arrival: Arrival) -> str:
    path, _, query = arrival.target.partition("?")
    names = QUERY.union(*(spec.model_in_query for spec in world.catalogue.specs))
    kept = [pair for pair in query.split("&") if unquote(pair.partition("=")[0]) in names]
    return path + ("?" + "&".join(kept) if kept else "")


def _body(arrival: Arrival, body: bytes) -> tuple[str, Any]:
    """("body" or "form", what is left of it); ("", None) for one that nobody reads. Raises Refusal."""
    if not body:
        return "", None
    encoding = arrival.value("content-encoding").strip().lower()
    plain = coding.decode(body, encoding, max(MAX_BYTES, len(body)))
    if mark := multipart.boundary(arrival.value("content-type")):
        found = multipart.find(plain, mark)
        return "form", (("model", found.value),) if found else (("other", "…"),)
    if plain.lstrip(b" \t\r\n")[:1] not in (b"{", b"["):
        return "", None
    try:
        document = json.loads(plain)
    except (ValueError, RecursionError):
        return "body", "{"  # as little JSON as it was
    return "body", _object(document) if isinstance(document, dict) else [_step(element) for element in document]


def _object(document: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {name: _scalar(document[name]) for name in ("model", "provider") if name in document}
    if isinstance(messages := document.get("messages"), list):
        kept["messages"] = [_MESSAGE] if messages else []
    return kept


def _step(element: Any) -> Any:
    """A step of a list. (core/route/steps.py)"""
    if not isinstance(element, dict):
        return None
    kept = {name: _scalar(element[name]) for name in ("provider", "endpoint") if name in element}
    if isinstance(kept.get("endpoint"), str):
        kept["endpoint"] = kept["endpoint"].partition("?")[0]
    if isinstance(element.get("query"), dict):
        kept["query"] = _object(element["query"])
    return kept


def _scalar(value: Any) -> Any:
    """A name, or as little of a value that is none."""
    return type(value)() if isinstance(value, (dict, list)) else value

"""A case of a policy's tests: a request as it came, without its secrets, and the decision that is expected.

    request:
      user: alice
      method: POST
      url: http://127.0.0.1:8080/groq/v1/chat/completions
      body: {model: llama-3.3-70b-versatile}
    expect:
      provider: groq
      url: https://api.groq.com/openai/v1/chat/completions

Rules: 1. It is the decision that the proxy makes, told by `explain`: nothing is sent.
       2. Only what `expect` names is compared. What else the decision says is free to change.
       3. Unknown fields are errors that name the allowed ones. So is a case that expects nothing: it could not fail.
       4. No token is in a case: `user` names whose it was. A user who may not in any more has an unknown token.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import yaml

from mitmvault.core.configuration.world import World
from mitmvault.core.explain import Explanation, explain
from mitmvault.core.formats.document import DocumentError
from mitmvault.core.formats.field import Field
from mitmvault.core.formats.strict_yaml import read_yaml
from mitmvault.core.message import imagined
from mitmvault.core.message.arrival import Arrival, Way
from mitmvault.core.message.form import is_token
from mitmvault.core.pages.page import Page

CASE = ("about", "request", "expect")
REQUEST = ("user", "method", "url", "way", "headers", "body", "form")
# What a decision says, and may be expected of it. The first ones are saved with a request.
SAVED = ("provider", "mode", "url", "model", "then", "refused", "page", "tunnel")
EXPECTED = (*SAVED, "rule", "keys")
STRANGER = "(unknown)"  # the user of a request whose token nobody has
BOUNDARY = "mitmvault"
_JSON = ("Content-Type", "application/json")


class CaseError(DocumentError):
    """The text is no case. The message names the field, never its content."""


@dataclass(frozen=True)
class Request:
    """What was sent. `body` is JSON (objects and lists), or a text as it is; `form` are the fields of a form."""

    url: str
    method: str = "GET"
    user: str | None = None  # None: it carried no token
    way: str | None = None  # None: the one that the URL suggests (core/message/imagined.py)
    headers: tuple[tuple[str, str], ...] = ()
    body: Any = None
    form: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Case:
    """A request and what is expected of the decision about it."""

    request: Request
    expect: Mapping[str, Any]
    about: str = ""


def read(text: str) -> Case:
    """A case from YAML or JSON. Raises CaseError."""
    try:
        root = Field(read_yaml(text), "", CaseError)
    except ValueError as error:
        raise CaseError(str(error)) from None
    _only(root, CASE)
    _only(root["request"], REQUEST)
    _only(root["expect"], EXPECTED)
    expect = {name: _expected(field) for name, field in root["expect"].members()}
    if not expect:
        root["expect"].fail(f"names nothing; it may name {', '.join(EXPECTED)}")
    return Case(_request(root["request"]), expect, root["about"].text(""))


def write(case: Case, as_json: bool = False) -> str:
    """A case as YAML, or as JSON; `read` reads both."""
    said = case.request
    request: dict[str, Any] = {"user": said.user, "method": said.method, "url": said.url, "way": said.way}
    request |= {"headers": dict(said.headers), "body": said.body, "form": dict(said.form)}
    document = {
        "about": case.about,
        "request": {name: value for name, value in request.items() if value not in (None, "", {})},
        "expect": dict(case.expect),
    }
    if not case.about:
        del document["about"]
    if as_json:
        return msgspec.json.format(msgspec.json.encode(document)).decode() + "\n"
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
    return text


def judge(world: World, request: Request, pages: Iterable[Page] = ()) -> Explanation:
    """The decision about a case's request. Raises CaseError for a URL that is none."""
    came, body = _arrival(world, request)
    connect = imagined.connect(came) if came.way is Way.TUNNEL else None
    return explain(world, came, body, connect, pages)


def decision(told: Explanation) -> dict[str, Any]:
    """What an explanation says, as `expect` names it."""
    if told.reason is not None:
        return {"refused": told.reason}
    facts = told.facts
    found = {name: facts[name] for name in EXPECTED if name in facts and facts[name] not in (None, [])}
    if isinstance(model := facts.get("model"), Mapping):
        found["model"] = model["sent"]
    return found


def changed(expect: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """The names of what is not as expected (rule 2)."""
    return [name for name, wanted in expect.items() if found.get(name) != wanted]


def _arrival(world: World, said: Request) -> tuple[Arrival, bytes]:
    headers, body = list(said.headers), b""
    if said.form:
        body = _form(said.form)
        headers.append(("Content-Type", f"multipart/form-data; boundary={BOUNDARY}"))
    elif isinstance(said.body, str):
        body = said.body.encode()
    elif said.body is not None:
        body = msgspec.json.encode(said.body)
        headers += [] if any(name.lower() == "content-type" for name, _ in headers) else [_JSON]
    user = world.users.named(said.user) if said.user is not None else None
    if said.user is not None and user is None:
        headers.append(("Authorization", f"Bearer {STRANGER}"))
    try:
        came = imagined.arrival(world, said.method, said.url, headers, Way(said.way) if said.way else None)
    except ValueError as error:
        raise CaseError(f"request.url: {error}") from None
    return replace(came, vouched=user), body


def _form(fields: Iterable[tuple[str, str]]) -> bytes:
    parts = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
    )
    return f"{''.join(parts)}--{BOUNDARY}--\r\n".encode()


def _request(field: Field) -> Request:
    body, form = field["body"].value, _pairs(field["form"])
    if body is not None and form:
        field.fail("has a body or a form, not both")
    if not isinstance(body, (dict, list, str, type(None))):
        field["body"].fail("must be an object, a list or a text")
    user, way = field["user"], field["way"]
    if way.value is not None and way.value not in [each.value for each in Way]:
        way.fail(f"must be one of {', '.join(each.value for each in Way)}")
    method = field["method"].text("GET")
    return Request(
        url=field["url"].name(),
        method=method if is_token(method) else field["method"].fail("must be a method such as POST"),
        user=None if user.value is None else user.name(),
        way=way.value,
        headers=_pairs(field["headers"]),
        body=body,
        form=form,
    )


def _pairs(field: Field) -> tuple[tuple[str, str], ...]:
    if field.value is None:
        return ()
    for name, inner in field.members():
        if not isinstance(name, str) or not is_token(name):
            inner.fail("this name is not made of letters, digits and '-'")
    return tuple((name, inner.text()) for name, inner in field.members())


def _expected(field: Field) -> Any:
    if isinstance(field.value, list):
        return [inner.name() for inner in field.items()]
    return field.name()


def _only(field: Field, allowed: tuple[str, ...]) -> None:
    for name in field.object():
        if name not in allowed:
            field.fail(f"has an unknown field; allowed: {', '.join(allowed)}")

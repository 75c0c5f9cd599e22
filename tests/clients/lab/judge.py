"""What is right: for each case, what the client must have seen, and what must have arrived at the provider.

Rules: 1. The provider got each request once, with the vault's key where it looks for one, and with no other credential;
          nothing of the user token or of a dummy is anywhere in it.
       2. The prompt arrived unchanged, the 5 MB as well (SHA-256).
       3. The client saw the answer to its own prompt, or the provider's failure as the error that it has for it.
       4. A client that leaves a stream is noticed at the provider while the client's process lives on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.clients.lab import stage
from tests.clients.lab.mark import Mark
from tests.clients.lab.table import ERRORS, Client
from tests.leaks import arrival, leaks
from tests.provider import Arrived

# Where each provider looks for its key, and what stands before it there.
CREDENTIALS = {
    "openai": ("authorization", "Bearer "),
    "groq": ("authorization", "Bearer "),
    "mistral": ("authorization", "Bearer "),
    "cohere": ("authorization", "Bearer "),
    "anthropic": ("x-api-key", ""),
    "gemini": ("x-goog-api-key", ""),
}
CARRIERS = ("authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "api-key", "x-auth-token", "cookie")
LARGE = 1 << 20


@dataclass(frozen=True)
class Evidence:
    """What is known of a case when it is over."""

    said: Mapping[str, Any]  # the line of the driver
    arrivals: list[Arrived]
    left: bool  # a cancelled stream's end was noticed
    keys: Mapping[str, str]  # provider -> its key in the vault
    secrets: Mapping[str, str]  # what must not arrive, by name
    body: str  # the 5 MB


def problems(client: Client, mark: Mark, evidence: Evidence) -> list[str]:
    """What is wrong; nothing if all is right."""
    return [*_at_client(client, mark, evidence), *_at_provider(client, mark, evidence)]


def _at_client(client: Client, mark: Mark, evidence: Evidence) -> Iterator[str]:
    said, case = evidence.said, mark.case
    if case in ERRORS:
        if said.get("status") != int(case):
            yield f"the client did not tell a {case}: {_short(said)}"
        elif stage.FAILURES[case] not in said.get("error", ""):
            yield f"the provider's message is not in the client's error: {_short(said)}"
        elif client.errors and said["kind"] != client.errors[ERRORS.index(case)]:
            yield f"the error is a {said['kind']}, not a {client.errors[ERRORS.index(case)]}"
        return
    expected: dict[str, Any] = {"text": mark.answer}
    if case == "async":
        expected = {"texts": [number.answer for number in _numbers(mark)]}
    elif case == "tools":
        expected = {"tool": stage.TOOL, "arguments": stage.ARGUMENTS}
    elif case == "cancel":
        expected = {"text": stage.FIRST}
    if {name: said.get(name) for name in expected} != expected:
        yield f"the client saw something else: {_short(said)}"
    elif case == "sse" and said["pieces"] < 2:
        yield "the stream came in one piece"


def _at_provider(client: Client, mark: Mark, evidence: Evidence) -> Iterator[str]:
    wanted = [mark] if mark.case != "async" else _numbers(mark)
    found = sorted((Mark.find(arrived.body) for arrived in evidence.arrivals), key=str)
    if found != wanted:
        yield f"{len(found)} requests arrived at the provider, not {len(wanted)}"
    name, prefix = CREDENTIALS[client.provider]
    credential = [(name, prefix + evidence.keys[client.provider])]
    for arrived in evidence.arrivals:
        carried = [(name.lower(), value) for name, value in arrived.headers if name.lower() in CARRIERS]
        if carried != credential:
            yield f"not the vault's key alone arrived: {[name for name, _ in carried]}"
        if _leaked(arrived, evidence.secrets):
            yield f"a secret arrived at the provider: {_leaked(arrived, evidence.secrets)}"
        if mark.case == "tools" and stage.TOOL.encode() not in arrived.body:
            yield "the tool's description did not arrive"
        if mark.case == "body" and _sha256(f"{mark}\n{evidence.body}") not in map(_sha256, _strings(arrived.json)):
            yield "the 5 MB did not arrive as they were"
    if mark.case == "cancel" and not evidence.left:
        yield "the provider's connection stayed open after the client had left"


def _leaked(arrived: Arrived, secrets: Mapping[str, str]) -> list[str]:
    if len(arrived.body) < LARGE:
        return leaks(secrets, arrival(arrived))
    whole = arrival(arrived)  # too large for every spelling
    return [name for name, secret in secrets.items() if secret.encode() in whole]


def _numbers(mark: Mark) -> list[Mark]:
    return [Mark(mark.client, mark.mode, mark.case, number) for number in (1, 2, 3)]


def _strings(document: Any) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, (list, dict)):
        for item in document.values() if isinstance(document, dict) else document:
            yield from _strings(item)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _short(said: Mapping[str, Any]) -> str:
    return json.dumps(said, ensure_ascii=False)[:600]

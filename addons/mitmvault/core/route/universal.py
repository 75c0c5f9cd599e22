"""A request to the gateway's universal endpoint: a JSON array, of which each element is one try with one key.

Rules: 1. No key is in the body. Where one will stand, the body holds what people may see, and the permit holds the
          place, to the byte: text of a client that looks the same is text.
       2. The client's own body is embedded as it is. It is one valid JSON object, so it cannot end its element.
       3. The gateway tries the elements in their order, so that a key that is refused costs no answer. Which key is
          first, says the rotation.

Source: developers.cloudflare.com/ai-gateway/universal (2026): provider, endpoint, headers, query, config; the response
header `cf-aig-step` says which element answered, from 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec

from mitmvault.core.configuration.vault import Key
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.message.credentials import AIG, stripped_headers
from mitmvault.core.refusal import Refusal
from mitmvault.core.verdict import Credential, Permit, Slot, Step

MOST = 10  # elements
# Between the client and us, or about a body that is another one now.
NOT_CARRIED = frozenset({"content-length", "content-type", "content-encoding", "content-md5", "transfer-encoding",
                          "accept", "accept-encoding", "accept-language", "user-agent", "expect", "origin", "referer",
                          "trailer", "sec-websocket-protocol", "via", "forwarded"})  # fmt: skip
FRAMING = frozenset({"content-length", "content-encoding", "transfer-encoding"})
_PREFIXES = (AIG, "cf-", "sec-", "x-forwarded-", "access-control-")
JSON_TYPE = ("content-type", "application/json")
Order = Callable[[str, tuple[Key, ...]], tuple[Key, ...]]


def carried(arrival: Arrival) -> tuple[tuple[str, str], ...]:
    """The client's headers that are for the provider, as an element says them: each name once, beside the JSON type."""
    found: dict[str, list[str]] = {}
    for name, value in stripped_headers(arrival.headers):
        plain = name.lower()
        if plain not in NOT_CARRIED and not plain.startswith(_PREFIXES) and value.isascii() and value.isprintable():
            found.setdefault(plain, []).append(value)
    return (JSON_TYPE, *((name, ", ".join(values)) for name, values in found.items()))


def wrapping(permit: Permit, arrival: Arrival, plain: bytes | None, limit: int) -> Permit:
    """The permit for a request to one provider, whose body (`plain`, without a coding) is tried with one key after
    another: with as many as stay below `limit` bytes together. Raises Refusal for a body that is no JSON object."""
    target = permit.target
    if plain is None or not plain.lstrip(b" \t\r\n").startswith(b"{"):
        text = f"{target.why}. It serves JSON objects alone; gatewayMode native or auto serves other bodies."
        raise Refusal("gateway_mode", text)
    most = max(1, min(MOST, limit // len(plain)))
    step = Step(permit.provider, target.slug, target.endpoint, carried(arrival), permit.keys, permit.key_header,
                permit.key_template, plain, most=most, counting=permit.counting)  # fmt: skip
    return of_steps(permit, (step,))


def of_steps(permit: Permit, steps: tuple[Step, ...]) -> Permit:
    """The permit with a body made of steps, and the headers that fit it."""
    headers = {name: value for name, value in permit.headers if name not in FRAMING} | dict([JSON_TYPE])
    return replace(
        permit, steps=steps, keys=(), body=None, headers=tuple(headers.items()), dropped=permit.dropped | FRAMING
    )


def unwrapped(body: bytes) -> bytes:
    """The body that such an array was made of, for a replay of what people see; any other body as it is."""
    try:
        elements = msgspec.json.decode(body, type=list[dict[str, msgspec.Raw]])
    except (msgspec.DecodeError, RecursionError):
        return body
    return bytes(elements[0]["query"]) if elements and "query" in elements[0] else body


def in_turn(permit: Permit, order: Order) -> Permit:
    """The permit as it leaves: with its keys in this order, and with its body, where it is made of steps."""
    if permit.steps:
        return _sealed(permit, order)
    return replace(permit, keys=order(permit.provider, permit.keys)) if permit.keys else permit


def _sealed(permit: Permit, order: Order) -> Permit:
    body, slots = bytearray(b"["), list[Slot]()
    for step in permit.steps:
        for key in order(step.provider, step.keys)[: step.most]:
            body += b"," if slots else b""
            slots.append(_write(body, step, key))
    body += b"]"
    return replace(permit, body=bytes(body), slots=tuple(slots))


def _write(body: bytearray, step: Step, key: Key) -> Slot:
    """Append one element; returns the place of its key."""
    credential = Credential(step.key_header, step.key_template, key.secret, f"{step.provider} {key.label}", key.form)
    body += b'{"provider":' + _json(step.slug) + b',"endpoint":' + _json(step.endpoint)
    body += b',"headers":{' + _json(step.key_header) + b":"
    start = len(body)
    body += _json(credential.shown)
    end = len(body)
    for name, value in step.headers:
        body += b"," + _json(name) + b":" + _json(value)
    body += b"}"
    if step.config is not None:
        body += b',"config":' + step.config
    body += b',"query":' + step.query + b"}"
    return Slot(start, end, credential, step)


def _json(text: str) -> bytes:
    return msgspec.json.encode(text)

"""`POST /` with one object: a chat that need not name a model. (reference system 000; lists there are `core.steps`)

Rules: 1. It must have messages; everything else is the provider's to check.
       2. The model is the client's, else the operator's `default_model`, else the one that the reference system had.
       3. It goes to an OpenAI-compatible address, so that the answer has `choices`.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from mitmvault.core.configuration.world import World
from mitmvault.core.message.body import Reading
from mitmvault.core.refusal import Refusal

PATH = "/v1/chat/completions"
MODEL = "@cf/meta/llama-3-8b-instruct"
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])


def is_chat(reading: Reading | None) -> bool:
    """Is this body an object?"""
    return reading is not None and not reading.form and reading.plain.lstrip(b" \t\r\n").startswith(b"{")


def completed(world: World, reading: Reading) -> Reading:
    """What the body says, with a model in any case. Raises Refusal when it has no messages."""
    if not _has_messages(reading.plain):
        raise Refusal("missing_messages", "The field 'messages' must be an array with at least one message.")
    return replace(reading, given=MODEL) if reading.lacks_model and not world.settings.default_model else reading


def _has_messages(plain: bytes) -> bool:
    try:
        return bool(_list.decode(_members.decode(plain).get("messages", b"[]")))
    except (msgspec.DecodeError, RecursionError):  # no array; that it is JSON is proven
        return False

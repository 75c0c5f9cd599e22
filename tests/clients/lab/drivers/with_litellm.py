"""litellm, as a client: OPENAI_API_KEY, OPENAI_BASE_URL"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import completions
import litellm
from common import TIMEOUT, main

MODEL = "openai/gpt-4o-mini"


async def at_once(questions: list[dict[str, Any]]) -> list[str]:
    return await completions.at_once(partial(litellm.acompletion, max_retries=0, timeout=TIMEOUT), questions)


async def first(prompt: str) -> str:
    chunks = await litellm.acompletion(**completions.asked(MODEL, prompt), stream=True, max_retries=0, timeout=TIMEOUT)
    try:
        return await anext(piece async for piece in (completions.piece(chunk) async for chunk in chunks) if piece)
    finally:
        await chunks.aclose()


litellm.suppress_debug_info = True
create = partial(litellm.completion, max_retries=0, timeout=TIMEOUT)
loop = asyncio.Runner()  # which lives on, as a program's would
main(completions.client("litellm", MODEL, create, at_once, leave=lambda prompt: loop.run(first(prompt))))

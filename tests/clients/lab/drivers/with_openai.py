"""openai: OPENAI_API_KEY, OPENAI_BASE_URL"""

from __future__ import annotations

from typing import Any

import completions
from common import TIMEOUT, main
from openai import AsyncOpenAI, OpenAI


async def at_once(questions: list[dict[str, Any]]) -> list[str]:
    async with AsyncOpenAI(max_retries=0, timeout=TIMEOUT) as client:
        return await completions.at_once(client.chat.completions.create, questions)


create = OpenAI(max_retries=0, timeout=TIMEOUT).chat.completions.create
main(completions.client("openai", "gpt-4o-mini", create, at_once))

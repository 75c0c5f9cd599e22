"""groq: GROQ_API_KEY, GROQ_BASE_URL"""

from __future__ import annotations

from typing import Any

import completions
from common import TIMEOUT, main
from groq import AsyncGroq, Groq


async def at_once(questions: list[dict[str, Any]]) -> list[str]:
    async with AsyncGroq(max_retries=0, timeout=TIMEOUT) as client:
        return await completions.at_once(client.chat.completions.create, questions)


create = Groq(max_retries=0, timeout=TIMEOUT).chat.completions.create
main(completions.client("groq", "llama-3.3-70b-versatile", create, at_once))

"""The wire formats of the LLM APIs that we can speak ourselves: OpenAI, Anthropic, Gemini.

Pure functions, one module per dialect. Each turns a request body into an `Ask` (`read`), and an `Ask` with an `Answer`
into the bytes or JSON a real provider would send. Same input, same output: the clock and the serial number come in with
the `Answer`. The demo provider and the test-suite's fake provider are both built on this.
"""

from __future__ import annotations

from mitmvault.local.dialects.common import Answer, Ask, count_tokens, dump, pieces

__all__ = ["Answer", "Ask", "count_tokens", "dump", "pieces"]

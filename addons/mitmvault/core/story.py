"""One line about a request, for people: who, where to, which model, which key, how many attempts, what it cost.

    alice → groq via compat gateway · model llama → groq/llama · key #2 …a1f3 · 2 attempts · 812 tok · $0.0004

Rules: 1. What is not known is left out, an estimate has a `~`. What was not counted is never shown as 0.
       2. Beside the line, a mark says what came of the request; no two outcomes share one.
"""

from __future__ import annotations

from mitmvault.core.formats import units

# What came of a request -> its mark: names of mitmproxy's own emoji (11.0.2 and 12.2.3).
MARKS = {
    "answered": ":white_check_mark:",
    "retried": ":repeat:",  # and answered then
    "failed": ":warning:",  # the answer is an error of the provider's
    "refused": ":no_entry:",  # by us; nothing was sent
    "held": ":stop_sign:",  # the provider's answer did not reach the client
    "unanswered": ":x:",
    "aborted": ":scissors:",  # the client left, or was cut off
}
ESTIMATED = "estimated"


def begun(
    user: str | None, provider: str | None, mode: str | None, asked: str | None, sent: str | None, keys: str, many: bool
) -> str:
    """The line as it stands when a request leaves. `keys` are labels; `many`: of more than one key."""
    via = "" if mode in (None, "direct") else f" via {mode} gateway"
    parts = [f"{user} → {provider}{via}"]
    if asked:
        parts.append(f"model {asked}" + (f" → {sent}" if sent != asked else ""))
    parts.append(f"key{'s' if many else ''} {keys}")
    return " · ".join(parts)


def counts(tokens_in: int | None, tokens_out: int | None, source: str | None, cost: float | None) -> str:
    """How the line goes on when the answer was counted: ` · 812 tok · $0.0004`; empty where nothing is known."""
    known = [count for count in (tokens_in, tokens_out) if count is not None]
    about = "~" if source == ESTIMATED else ""
    tokens = f" · {about}{units.count(sum(known))} tok" if known else ""
    return tokens + (f" · {about}${units.dollars(cost)}" if cost is not None else "")


def outcome(status: int | None, *, permitted: bool, held: bool, aborted: bool, attempts: int) -> str:
    """What came of a request: a key of MARKS. `status` is that of the answer, None where none came."""
    if aborted:
        return "aborted"
    if not permitted:
        return "refused"
    if held:
        return "held"
    if status is None:
        return "unanswered"
    if status != 101 and not 200 <= status < 400:
        return "failed"
    return "retried" if attempts > 1 else "answered"

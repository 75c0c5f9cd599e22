"""What the terminal shows when the proxy is ready: the next line to type."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

MODEL = "demo-1"
DEMO_HOST = "https://demo.mitmvault.test"


@dataclass(frozen=True)
class Ready:
    """Everything the banner tells. `token` is None when only its digest is stored."""

    address: str
    web: str | None
    home: Path
    user: str
    token: str | None
    ca: Path
    providers: tuple[str, ...]
    tokens: tuple[str, ...] = ()  # variables whose tokens are accepted, beside those of users.json
    sources: Mapping[str, str] = field(default_factory=dict)  # provider -> the variable that its keys come from
    beside: tuple[str, ...] = ()  # the modes beside the listener, each with its address
    dashboard: str | None = None  # its address, where somebody may open it


def curl_base_url(ready: Ready) -> str:
    """One line that streams an answer through the base URL."""
    return _curl(ready, f"{ready.address}/demo/v1/chat/completions", "")


def curl_proxy(ready: Ready) -> str:
    """One line that streams an answer through HTTPS_PROXY, trusting our CA."""
    proxy = f"HTTPS_PROXY={ready.address} "
    return proxy + _curl(ready, f"{DEMO_HOST}/v1/chat/completions", f" --cacert {shlex.quote(str(ready.ca))}")


def show(ready: Ready, console: Console) -> None:
    """Print it: a panel for people, plain lines in a pipe. The curl lines stand alone, to be copied whole."""
    facts = [
        ("listening at", ready.address),
        ("user", ready.user),
        ("user token", ready.token or "stored as a digest only; use the one you were given"),
        ("providers", ", ".join(ready.providers)),
        ("home", str(ready.home)),
    ]
    if ready.tokens:
        facts.insert(3, ("tokens accepted from", ", ".join(ready.tokens)))
    if ready.sources:
        facts.insert(-1, ("keys taken from", sources(ready.sources)))
    if ready.beside:
        facts.insert(1, ("redirected traffic", ", ".join(ready.beside)))
    if ready.dashboard:
        facts.insert(1, ("dashboard", ready.dashboard))
    if ready.web:
        facts.insert(1, ("mitmweb", ready.web))
    show_facts(facts, console)
    for title, line in (("Try the base URL", curl_base_url(ready)), ("Try HTTPS_PROXY", curl_proxy(ready))):
        console.print(f"\n{title}:", style="green")
        console.out(line, highlight=False)
    console.out("")


def show_facts(facts: Sequence[tuple[str, str]], console: Console) -> None:
    """A panel for people, `name: value` lines in a pipe."""
    if console.is_terminal:
        grid = Table.grid(padding=(0, 2))
        for name, value in facts:
            grid.add_row(Text(name, style="dim"), Text(value, style="bold"))
        console.print(Panel(grid, title="mitmvault", title_align="left", expand=False, border_style="green"))
    else:
        for name, value in facts:
            console.out(f"{name}: {value}", highlight=False)


def sources(found: Mapping[str, str]) -> str:
    """Which providers have their keys from which variable of the environment."""
    return ", ".join(f"{variable} ({name})" for name, variable in found.items())


def _curl(ready: Ready, url: str, extra: str) -> str:
    bearer = f"Authorization: Bearer {ready.token or '$MITMVAULT_TOKEN'}"
    bearer = shlex.quote(bearer) if ready.token else f'"{bearer}"'
    body = f'{{"model":"{MODEL}","stream":true,"messages":[{{"role":"user","content":"Hello!"}}]}}'
    return f"curl -sN{extra} {url} -H {bearer} -H 'Content-Type: application/json' -d '{body}'"

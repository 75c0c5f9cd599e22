"""Writes docs/compatibility.md from what a whole run of the lab has shown."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

import mitmvault
from mitmvault.core.configuration import catalogue
from tests.clients.lab.runner import Result
from tests.clients.lab.table import CASES, ERRORS, MODES, PROXY_VARIABLES, Client

ROOT = Path(__file__).parents[3]
PAGE = Path("docs") / "compatibility.md"
WORKS, NOTHING, FAILS = "✓", "–", "✗"

HEAD = """# Compatibility

What {count} real clients did through mitmvault when they were last tried. `scripts/clients` tries them, and writes this page:
do not edit it. Here: mitmvault {mitmvault}, mitmproxy {mitmproxy}, Python {python}, Node {node}, {system}.

Every cell is one request, or several, judged at both ends: the client must have understood the answer, and the provider must
have got the vault's key, once, where it looks for one, and nothing of the user token. {works} works, {nothing} the client has
no such interface, {fails} fails, for the client's own reasons. Notes say what helps.

| case | what happens |
|---|---|
| JSON | a question, and the answer in one piece |
| SSE | the answer in pieces, read to its end |
| async | three requests at once, one of them streamed, with the client's asynchronous interface |
| tool call | the provider calls a tool, the client parses its arguments |
| 5 MB | a prompt of 5 MB arrives as it was, by its SHA-256 |
| 401, 429, 500 | the provider's failure is the error that the client has for it, with the provider's own words |
| cancel | the client leaves a stream after its first piece; the provider's connection is closed while the client lives on |

**Base URL**: the variable in the last column holds our address, such as `http://127.0.0.1:8080`, with the path behind it; the
key's variable holds the user token. `eval "$(mitmvault env --base-url)"` sets both. Where the column names no variable for
it, the program passes the address.

**`HTTPS_PROXY`**: the program is unchanged, and started by `mitmvault run -- PROGRAM`. That sets all that is in the last
column, and more; the key's variable holds a dummy, for JVMs the user token, since they send no proxy credentials. The
variables of the last column were also tried without any others; where there is an "or", each of these is enough. Node before
22.21 and 24.5 learns to use a proxy from the script in `NODE_OPTIONS`; newer ones need it for agents of a program's own.

"""


def write(results: Iterable[Result]) -> None:
    """Replace the page."""
    (ROOT / PAGE).write_text(text(list(results)), "utf-8")


def text(results: list[Result]) -> str:
    """The page."""
    notes: dict[str, int] = {}
    rows = [row(result, notes) for result in results]
    about = HEAD.format(
        count=len({result.client.id for result in results}), mitmvault=mitmvault.__version__,
        mitmproxy=version("mitmproxy"), python=platform.python_version(), system=platform.system(),
        node=next(result.version for result in results if result.client.id == "node-fetch"),
        works=WORKS, nothing=NOTHING, fails=FAILS,
    )  # fmt: skip
    columns = ["client", "version", "way in", *CASES.values(), "what it needs"]
    lines = [columns, ["---"] * 3 + [":-:"] * len(CASES) + ["---"], *rows]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return about + table + "\n" + "".join(_below(results, notes))


def row(result: Result, notes: dict[str, int]) -> list[str]:
    """One client in one mode; what must be explained gets a number in `notes`."""
    client, cells = result.client, []
    for case in CASES:
        if case in client.without:
            cells.append(NOTHING)
        else:
            own = (client.own | client.helped).get((result.mode, case))
            wrong = result.cases[case]
            why = (
                f"{own.what} Remedy: {own.remedy}"
                if own
                else "Not as it should be: see `scripts/clients`."
                if wrong
                else ""
            )
            number = f"<sup>{notes.setdefault(why, len(notes) + 1)}</sup>" if why else ""
            cells.append((FAILS if wrong else WORKS) + number)
    needs = _base(client) if result.mode == "base" else _proxy(result)
    return [name_of(client), result.version, MODES[result.mode], *cells, needs]


def name_of(client: Client) -> str:
    """As the page's first column has it."""
    return f"`{client.name}`" + ("" if client.language == "shell" else f" ({client.language})")


def _base(client: Client) -> str:
    if client.base_url:
        return f"`{client.base_url}`=`…{_path_of(client.base_url)}`, `{client.key}`"
    return f"`…{client.path}` as {client.argument}, `{client.key}`"


def _path_of(variable: str) -> str:
    specs = catalogue.load((ROOT / "config" / "providers.yaml").read_text("utf-8")).specs
    return next(spec.base_url_env[variable] for spec in specs if variable in spec.base_url_env)


def _proxy(result: Result) -> str:
    variables = [f"`{name}`" for name in PROXY_VARIABLES[result.client.language]]
    trusts = " or ".join(f"`{name}`" for name in result.trusts or [])
    return ", ".join([*variables, trusts] if trusts else variables)


def _below(results: list[Result], notes: dict[str, int]) -> Iterator[str]:
    if notes:
        yield "\n" + "\n".join(f"{number}. {why}" for why, number in notes.items()) + "\n"
    yield "\n## Errors\n\nWhat the clients raise for the provider's 401, 429 and 500. The others tell the status.\n\n"
    yield "| client | " + " | ".join(ERRORS) + " |\n|---|---|---|---|\n"
    seen = {result.client.id: result.client for result in results if result.client.errors}
    for client in seen.values():
        yield f"| {name_of(client)} | " + " | ".join(f"`{kind}`" for kind in client.errors or ()) + " |\n"


def rows_of(page: str) -> list[list[str]]:
    """The cells of the page's main table."""
    lines = [line for line in page.splitlines() if re.match(r"\| `[^|]*\|[^|]*\| (base URL|`HTTPS_PROXY`) \|", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]

"""`mitmvault explain`: where a request would go, by which rule, with which key, or why it is refused. Sends nothing.

Of a flow, by its id, it is the running proxy that tells what was decided, and what came of it.
"""

from __future__ import annotations

import base64
import os
import re
import sys
from dataclasses import replace
from typing import IO

import click
import msgspec

from mitmvault.cli import table
from mitmvault.cli.options import chosen_home, common_options
from mitmvault.core.configuration.world import World
from mitmvault.core.explain import Explanation, explain
from mitmvault.core.message import curl, imagined
from mitmvault.core.message.arrival import Arrival, Way
from mitmvault.core.records import outcome
from mitmvault.core.records.control import ControlError
from mitmvault.core.records.record import Record
from mitmvault.home import configuration, control_client
from mitmvault.home.layout import Home
from mitmvault.home.ledger import LedgerError
from mitmvault.home.usage_report import SqliteReports
from mitmvault.local.pages import PAGES

_FLOW_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F-]{0,27})?\Z")


# Options behind the first word are curl's.
_LEAVE_TO_CURL = {"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []}


@click.command("explain", context_settings=_LEAVE_TO_CURL)
@click.option("--user", metavar="NAME", help="As this user, whatever token the request carries.")
@click.option("--body-file", type=click.File("rb"), help="The request's body; `-` is standard input.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.help_option("--help")
@common_options
@click.argument("words", nargs=-1, type=click.UNPROCESSED, required=True, metavar="CURL-COMMAND|URL…|FLOW-ID")
def explain_command(user: str | None, body_file: IO[bytes] | None, as_json: bool, words: tuple[str, ...]) -> None:
    """Say where a request would go, by which rule, with which key, or why it is refused. Nothing is sent.

    The request is a curl command, with or without the word curl. A URL of a provider's own host is taken as a request
    through the proxy; one of this machine, as a request to mitmvault itself.

    A flow's id, or the first 8 characters of one, is a request that the running proxy has seen of late: mitmweb has
    the id in its address bar, `mitmvault top` beside each request, the ledger in the column `flow`.

    \b
    Examples:
      mitmvault explain curl http://127.0.0.1:8080/groq/v1/models -H 'Authorization: Bearer TOKEN'
      mitmvault explain --user alice https://api.openai.com/v1/models
      mitmvault explain 4f1c2a9b
      mitmvault explain --json --user alice http://127.0.0.1:8080/v1/chat/completions -d '{"model":"gpt-4o"}'
    """
    if len(words) == 1 and _FLOW_ID.match(words[0]):
        _tell(words[0].lower(), as_json)
        return
    try:
        command = curl.parse(words[1:] if words[0] == "curl" else words)
    except curl.CurlError as error:
        raise click.UsageError(str(error)) from None
    if body_file:
        command.body = body_file.read()
    world = configuration.load(chosen_home(), os.environ, embedded={"demo": "http://127.0.0.1"})
    found = _explained(world, command, user)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode({"ok": found.reason is None} | found.facts)))
    else:
        table.show("Refused" if found.reason else "Permitted", ("step", "what"), found.steps)
    sys.exit(0 if found.reason is None else 1)


def _tell(flow: str, as_json: bool) -> None:
    """What the running proxy knows about a flow, else what the ledger does. Raises ControlError."""
    home = chosen_home()
    try:
        told = control_client.ask(home, "explain", flow=flow)
    except ControlError:
        row = _row(home, flow)
        if row is None:
            raise
        told = outcome.from_ledger(row)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(told)))
    else:
        table.show(f"flow {told['flow']}", ("step", "what"), [(name, text) for name, text in told["steps"]])
    sys.exit(0 if told["reason"] is None else 1)


def _row(home: Home, flow: str) -> Record | None:
    try:
        reports = SqliteReports(home.ledger)
    except LedgerError:  # there is none: what the proxy said is what the person should know
        return None
    try:
        return reports.of_flow(flow)
    finally:
        reports.close()


def _explained(world: World, command: curl.Command, user: str | None) -> Explanation:
    try:
        arrival = imagined.arrival(world, command.sent_method, command.url, command.headers)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    vouched = None
    if user is not None:
        vouched = world.users.named(user)
        if vouched is None:
            raise click.ClickException(f"there is no user {user} who may in; mitmvault users list shows them")
    connect = _connect(arrival, command) if arrival.way is Way.TUNNEL else None
    return explain(world, replace(arrival, vouched=vouched), command.body or b"", connect, PAGES)


def _connect(arrival: Arrival, command: curl.Command) -> Arrival:
    headers = list(command.proxy_headers)
    if command.proxy_user:
        encoded = base64.b64encode(command.proxy_user.encode()).decode()
        headers.append(("Proxy-Authorization", f"Basic {encoded}"))
    return imagined.connect(arrival, tuple(headers))

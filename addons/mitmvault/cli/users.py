"""`mitmvault users`: who may in.

Rules: 1. A token is shown once, when it is made; afterwards only its last four characters.
       2. Every change is read, made, checked and written under one lock; a running proxy sees it at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import click

from mitmvault.cli import table
from mitmvault.cli.options import chosen_home, common_options
from mitmvault.core.configuration import users as schema
from mitmvault.core.formats.document import Document
from mitmvault.core.formats.masked import masked
from mitmvault.home import start, store

STANDARD = "-"
COLUMNS = ("user", "token", "type", "providers", "models", "admin")


@click.group()
@common_options
def users() -> None:
    """Add, list and remove the users that may in.

    \b
    Example:
      mitmvault users add alice
    """


@users.command()
@click.argument("name")
@click.option("--token", help="This token, not a fresh one. Other processes can see it: `-` reads it from stdin.")
@click.option("--provider", "providers", multiple=True, metavar="P", help="Only this provider; may be repeated.")
@click.option("--model", "models", multiple=True, metavar="M", help="Only this model, `*` matches; may be repeated.")
@click.option("--admin", is_flag=True, help="May see what everybody does (never a key): dashboard, metrics.")
@click.option("--digest", is_flag=True, help="Keep only the token's SHA-256: the file then lets nobody in.")
@common_options
def add(
    name: str, token: str | None, providers: tuple[str, ...], models: tuple[str, ...], admin: bool, digest: bool
) -> None:
    """Add the user NAME and print the token, alone on stdout.

    \b
    Example:
      mitmvault users add alice --provider groq --model 'llama-*'
      TOKEN=$(mitmvault users add ci --digest)
    """
    home = chosen_home()
    given = sys.stdin.readline().rstrip("\r\n") if token == STANDARD else token
    value = start.fresh_token().reveal() if given is None else given
    fields: Document = {"key": value}
    schema.checked({"token": fields})  # a digest would hide a token that is too short
    if digest:
        fields = {"sha256": schema.digest(value)}
    fields |= {"providers": list(providers)} if providers else {}
    fields |= {"models": list(models)} if models else {}
    fields |= {"admin": True} if admin else {}
    start.make_directory(home)
    store.change_users(home, lambda document: schema.added(document, name, fields))
    click.echo(f"{name} may in, effective at once", err=True)
    if given is None:
        click.echo("The token, shown only this once:", err=True)
        click.echo(value)


@users.command("list")
@click.option("--json", "as_json", is_flag=True, help="The whole document as JSON, tokens masked.")
@common_options
def list_users(as_json: bool) -> None:
    """List the users; of a token only the last four characters.

    \b
    Example:
      mitmvault users list
    """
    home = chosen_home()
    document = store.load_users_document(home)
    if as_json:
        click.echo(json.dumps(masked(document), indent=2, ensure_ascii=False))
        return
    schema.checked(document)
    document = masked(document)
    if not document:
        click.echo("nobody may in yet: mitmvault users add NAME", err=True)
    table.show(str(home.users), COLUMNS, (tuple(_cells(name, fields)) for name, fields in document.items()))


@users.command()
@click.argument("name")
@common_options
def remove(name: str) -> None:
    """Remove the user NAME; the token is worth nothing from now on.

    \b
    Example:
      mitmvault users remove alice
    """
    home = chosen_home()
    store.change_users(home, lambda document: schema.removed(document, name))
    click.echo(f"{name} is removed, effective at once", err=True)


def _cells(name: str, fields: Document) -> Iterator[str]:
    yield name
    yield fields.get("key") or f"sha256 {fields['sha256']}"
    yield fields.get("type") or ""
    for allowed in (fields.get("providers"), fields.get("models")):
        yield "all" if allowed is None else ", ".join(allowed) or "none"
    yield "yes" if fields.get("admin") else ""

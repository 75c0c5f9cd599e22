"""`mitmvault vault`: show, encrypt and decrypt the vault.

Rules: 1. The vault is replaced only by a document that passed the schema.
       2. Plaintext goes to stdout or to a file of mode 0600, which leaves no older copy beside it.
       3. `show` never shows a key.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from mitmvault.cli import banner, table
from mitmvault.cli.options import chosen_home, common_options
from mitmvault.core.configuration import vault as schema
from mitmvault.core.configuration.vault import Key, Provider
from mitmvault.core.formats.document import MAX_BYTES
from mitmvault.home import configuration, files, password, start, store
from mitmvault.home.layout import HomeError

STANDARD = "-"
COLUMNS = ("provider", "protocol", "destination", "keys", "models")


@click.group()
@common_options
def vault() -> None:
    """Show, encrypt and decrypt the vault of provider keys.

    \b
    Example:
      mitmvault vault show
    """


@vault.command()
@click.argument("source", metavar="[IN]", default="ai.json")
@click.argument("target", metavar="[OUT]", required=False)
@common_options
def encrypt(source: str, target: str | None) -> None:
    """Check the JSON file IN (default: ai.json) and encrypt it to OUT (default: the home's vault).

    `-` is stdin or stdout. The password is $AI_JSON_CRYPTOKEN, else the home's file `cryptoken`.

    \b
    Example:
      mitmvault vault encrypt ai.json && rm ai.json
    """
    home = chosen_home()
    plain = _read(source)
    found = schema.parse(plain)
    token = password.crypto_token(home, os.environ)
    if target is None:
        start.make_directory(home)
        store.save_vault(home, plain, token)
    else:
        _write(target, store.seal(plain, token))
    if target != STANDARD:
        keys = sum(len(provider.keys) for provider in found.providers.values())
        click.echo(f"{target or home.vault}: written, providers: {len(found.providers)}, keys: {keys}", err=True)
    if source != STANDARD:
        click.echo(f"{source} still holds the keys in plain text: delete it when you no longer need it", err=True)


@vault.command()
@click.argument("source", metavar="[IN]", required=False)
@click.argument("target", metavar="[OUT]", default=STANDARD)
@common_options
def decrypt(source: str | None, target: str) -> None:
    """Decrypt IN (default: the home's vault) to OUT (default: stdout).

    `-` is stdin or stdout. A file is created for you alone (mode 0600). The password is $AI_JSON_CRYPTOKEN, else the
    home's file `cryptoken`.

    \b
    Example:
      mitmvault vault decrypt | jq '.providers | keys'
    """
    home = chosen_home()
    token = password.crypto_token(home, os.environ)
    _write(target, store.read_vault(home, token) if source is None else store.unseal(_read(source), token))


@vault.command()
@click.option("--json", "as_json", is_flag=True, help="The whole document as JSON, secrets masked.")
@common_options
def show(as_json: bool) -> None:
    """Show the providers; of a key only the last four characters.

    \b
    Example:
      mitmvault vault show --json
    """
    home = chosen_home()
    document = store.load_vault_document(home, password.crypto_token(home, os.environ))
    if as_json:
        click.echo(json.dumps(schema.masked(document), indent=2, ensure_ascii=False))
        return
    lent = configuration.lent(home, os.environ, schema.checked(document))
    table.show(str(home.vault), COLUMNS, (tuple(_cells(provider)) for provider in lent.vault.providers.values()))
    if lent.sources:
        click.echo(f"keys taken from the environment: {banner.sources(lent.sources)}", err=True)


def _cells(provider: Provider) -> Iterator[str]:
    yield provider.name
    yield provider.protocol
    yield provider.gateway_endpoint or provider.endpoint or "(catalogue)"
    yield ", ".join(_described(key) for key in provider.keys)
    yield ", ".join(model.id for model in provider.models)


def _described(key: Key) -> str:
    about = " ".join(text for text in (key.owner, key.type) if text)
    return f"{key.label} ({about})" if about else key.label


def _read(source: str) -> bytes:
    # Not files.read: here a pipe (<(...)) is as good as a file.
    with click.open_file(source, "rb") as file:
        data: bytes = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise HomeError(f"{source} is larger than {MAX_BYTES // 2**20} MiB")
    return data


def _write(target: str, data: bytes) -> None:
    if target == STANDARD:
        sys.stdout.buffer.write(data)
    else:
        files.write_atomic(Path(target), data, keep_previous=False)

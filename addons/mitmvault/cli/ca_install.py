"""`mitmvault ca install` and `uninstall`: how systems and programs are made to trust the authority, and to stop.

Rule: nothing is installed without `--apply`, and then on this machine only.
"""

from __future__ import annotations

import json

import click

from mitmvault.cli.options import chosen_home, common_options
from mitmvault.cli.progress import progress
from mitmvault.core.setup import trust_stores
from mitmvault.home import authority, system_trust
from mitmvault.home.authority import Authority

as_json_option = click.option("--json", "as_json", is_flag=True, help="For programs.")
apply_option = click.option("--apply", is_flag=True, help="Do it on this machine: Linux, as root.")
store_option = click.option(
    "--for", "store", type=click.Choice(list(trust_stores.STORES)), help="Only for this system or program."
)


@click.command()
@store_option
@apply_option
@as_json_option
@common_options
def install(store: str | None, apply: bool, as_json: bool) -> None:
    """Print what makes each system and program trust the authority; with --apply, do it on this machine.

    Whoever has the authority's private key, which is in your home directory, can then pretend to be any site to this
    machine. `mitmvault run` needs no installation.

    \b
    Examples:
      mitmvault ca install
      mitmvault ca install --for firefox
      sudo mitmvault ca install --apply --home /srv/mitmvault
    """
    found = authority.load(chosen_home())
    if not apply:
        _instruct(found, store, as_json, uninstall=False)
        return
    _refuse_other(store)
    with progress("The store of this machine is being rebuilt …"):
        path = system_trust.install(found.certificate)
    click.echo(f"{path}: written; this machine trusts the authority", err=True)


@click.command()
@store_option
@apply_option
@as_json_option
@common_options
def uninstall(store: str | None, apply: bool, as_json: bool) -> None:
    """Print what makes each system and program trust the authority no more; with --apply, do it on this machine.

    \b
    Examples:
      mitmvault ca uninstall
      sudo mitmvault ca uninstall --apply --home /srv/mitmvault
    """
    found = authority.load(chosen_home())
    if not apply:
        _instruct(found, store, as_json, uninstall=True)
        return
    _refuse_other(store)
    with progress("The store of this machine is being rebuilt …"):
        path = system_trust.uninstall(found.certificate)
    click.echo(f"{path}: removed" if path else "nothing to do: this machine's store does not hold it", err=True)


def _refuse_other(store: str | None) -> None:
    if store not in (None, system_trust.system()):
        raise click.UsageError(f"--apply is for this machine's own store, not for {store}")


def _instruct(found: Authority, store: str | None, as_json: bool, *, uninstall: bool) -> None:
    here = system_trust.system()
    names = [store] if store else sorted(trust_stores.STORES, key=lambda name: name != here)  # this machine's first
    known = {name: trust_stores.lines(name, found.certificate, str(found.path), uninstall=uninstall) for name in names}
    if as_json:
        click.echo(json.dumps({"this_machine": here, "stores": known}, indent=2))
        return
    for name, lines in known.items():
        click.secho(
            f"# {name}{' (this machine)' if name == here else ''}: {trust_stores.STORES[name].title}", fg="cyan"
        )
        click.echo("\n".join(lines) + "\n")
    warn(found)


def warn(found: Authority) -> None:
    """Say on stderr what is wrong with the authority."""
    for warning in found.warnings:
        click.echo(f"mitmvault: warning: {warning}", err=True)

"""`mitmvault ca`: the certificate authority that clients must trust: where it is, in which forms, how to install it.

Rules: 1. Nothing here prints or copies the private key.
       2. Nothing is installed without `--apply`, and then on this machine only.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from mitmvault.cli.options import chosen_home, common_options
from mitmvault.cli.progress import progress
from mitmvault.core import trust_stores
from mitmvault.core.java_truststore import PASSWORD
from mitmvault.home import authority, files, system_trust
from mitmvault.home.authority import Authority
from mitmvault.home.certificate_forms import FORMS

STANDARD = "-"
_READABLE = 0o644  # a certificate is public

as_json_option = click.option("--json", "as_json", is_flag=True, help="For programs.")
apply_option = click.option("--apply", is_flag=True, help="Do it on this machine: Linux, as root.")
store_option = click.option(
    "--for", "store", type=click.Choice(list(trust_stores.STORES)), help="Only for this system or program."
)


@click.group(invoke_without_command=True)
@as_json_option
@common_options
@click.pass_context
def ca(context: click.Context, as_json: bool) -> None:
    """Show, export and install the certificate authority that clients must trust; alone, the same as `ca show`.

    Programs under `mitmvault run` trust it already: nothing needs to be installed for them.

    \b
    Examples:
      mitmvault ca
      mitmvault ca export --format jks --out truststore.jks
    """
    if context.invoked_subcommand is None:
        context.invoke(show, as_json=as_json)


@ca.command()
@as_json_option
@common_options
def show(as_json: bool) -> None:
    """Say where the authority is, its fingerprint, and until when it is valid.

    \b
    Examples:
      mitmvault ca show
      mitmvault ca show --json | jq -r .sha256
    """
    now = datetime.now(UTC)
    found = authority.load(chosen_home(), now)
    certificate = found.certificate
    facts = {
        "certificate": str(found.path),
        "subject": certificate.subject,
        "sha256": ":".join(certificate.sha256[at : at + 2] for at in range(0, len(certificate.sha256), 2)),
        "key": certificate.key,
        "begins": certificate.begins.isoformat(),
        "ends": certificate.ends.isoformat(),
        "days left": certificate.days_left(now),
    }
    if as_json:
        named = {name.replace(" ", "_"): value for name, value in facts.items()}
        click.echo(json.dumps(named | {"warnings": found.warnings}, indent=2))
        return
    for name, value in facts.items():
        click.echo(f"{name}: {value}")
    _warn(found)


@ca.command()
@click.option("--format", "form", type=click.Choice(list(FORMS)), default="pem", show_default=True, help="The form.")
@click.option("--out", default=STANDARD, metavar="FILE", help="Where to; `-`, which is the default, is stdout.")
@common_options
def export(form: str, out: str) -> None:
    """Write the certificate, never the private key: PEM, DER, PKCS#12 (no password) or a Java truststore.

    \b
    Examples:
      mitmvault ca export > ca.pem
      mitmvault ca export --format der --out mitmvault.cer
      mitmvault ca export --format jks --out truststore.jks
    """
    found = authority.load(chosen_home())
    data = FORMS[form](found.certificate.der)
    if out != STANDARD:
        files.write_atomic(Path(out), data, _READABLE, keep_previous=False)
        click.echo(f"{out}: written", err=True)
        if form == "jks":
            click.echo(
                f"java -Djavax.net.ssl.trustStore={out} -Djavax.net.ssl.trustStorePassword={PASSWORD} …", err=True
            )
    elif form != "pem" and sys.stdout.isatty():
        raise click.UsageError(f"{form} is not for a terminal: name a file with --out, or use a pipe")
    else:
        sys.stdout.buffer.write(data)


@ca.command()
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


@ca.command()
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
    _warn(found)


def _warn(found: Authority) -> None:
    for warning in found.warnings:
        click.echo(f"mitmvault: warning: {warning}", err=True)

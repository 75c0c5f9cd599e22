"""`mitmvault ca`: the certificate authority that clients must trust: where it is, until when, and in which forms.

Rule: nothing here prints or copies the private key. How it is installed: cli/ca_install.py.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from mitmvault.cli import ca_install
from mitmvault.cli.options import chosen_home, common_options
from mitmvault.core.setup.java_truststore import PASSWORD
from mitmvault.home import authority, files
from mitmvault.home.certificate_forms import FORMS

STANDARD = "-"
_READABLE = 0o644  # a certificate is public


@click.group(invoke_without_command=True)
@ca_install.as_json_option
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
@ca_install.as_json_option
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
    ca_install.warn(found)


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


ca.add_command(ca_install.install)
ca.add_command(ca_install.uninstall)

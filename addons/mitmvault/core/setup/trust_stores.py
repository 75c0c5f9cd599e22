"""How each system and program is told to trust our authority, and to trust it no more: a table of commands.

`{file}` is the certificate (PEM), `{name}` the name under which it goes into a store, `{sha1}` its fingerprint.

Sources: update-ca-certificates(8), update-ca-trust(8), trust(1), security(1) of macOS, certutil of Windows, certutil of
NSS, keytool of the JDK (`-cacerts` since 9).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from mitmvault.core.setup.certificate import Certificate
from mitmvault.core.setup.java_truststore import PASSWORD

DEBIAN_DIRECTORY = "/usr/local/share/ca-certificates"
RED_HAT_DIRECTORY = "/etc/pki/ca-trust/source/anchors"
_KEYCHAIN = "/Library/Keychains/System.keychain"
_KEYTOOL = f"-cacerts -storepass {PASSWORD} -alias {{name}}"
_EVERY_PROFILE = 'for profile in ~/.mozilla/firefox/*/cert9.db; do certutil {} -d sql:"${{{{profile%/*}}}}"; done'
_NSS = "certutil {} -d sql:$HOME/.pki/nssdb"
_NSS_ADD, _NSS_DELETE = "-A -t C,, -n {name} -i {file}", "-D -n {name}"


@dataclass(frozen=True)
class Store:
    """Who reads the store, and the lines that put our certificate in and take it out."""

    title: str
    install: tuple[str, ...]
    uninstall: tuple[str, ...]


STORES: Mapping[str, Store] = {
    "debian": Store(
        "Debian, Ubuntu, Alpine: curl, wget, git, Python's ssl, Ruby, PHP, Go",
        (f"sudo install -m 644 {{file}} {DEBIAN_DIRECTORY}/{{name}}.crt", "sudo update-ca-certificates"),
        (f"sudo rm {DEBIAN_DIRECTORY}/{{name}}.crt", "sudo update-ca-certificates --fresh"),
    ),
    "redhat": Store(
        "Red Hat, Fedora, Amazon Linux: the same, and Java",
        (f"sudo install -m 644 {{file}} {RED_HAT_DIRECTORY}/{{name}}.crt", "sudo update-ca-trust extract"),
        (f"sudo rm {RED_HAT_DIRECTORY}/{{name}}.crt", "sudo update-ca-trust extract"),
    ),
    "arch": Store("Arch", ("sudo trust anchor --store {file}",), ("sudo trust anchor --remove {file}",)),
    "macos": Store(
        "macOS: Safari, Chrome, curl, Go, Swift",
        (f"sudo security add-trusted-cert -d -r trustRoot -k {_KEYCHAIN} {{file}}",),
        ("sudo security remove-trusted-cert -d {file}", f"sudo security delete-certificate -Z {{sha1}} {_KEYCHAIN}"),
    ),
    "windows": Store(
        "Windows, for you alone: Edge, Chrome, .NET, PowerShell (copy the certificate there first)",
        ('certutil -user -addstore Root "{file}"',),
        ("certutil -user -delstore Root {sha1}",),
    ),
    "firefox": Store(
        "Firefox, which has a store of its own: Settings, Certificates, Authorities, Import; or, with certutil of NSS",
        (_EVERY_PROFILE.format(_NSS_ADD),),
        (_EVERY_PROFILE.format(_NSS_DELETE),),
    ),
    "nss": Store(
        "Chrome and Chromium on Linux, with certutil of NSS (Debian: libnss3-tools)",
        ("mkdir -p ~/.pki/nssdb", _NSS.format(_NSS_ADD)),
        (_NSS.format(_NSS_DELETE),),
    ),
    "java": Store(
        "Java 9 and newer, the store of the JDK on PATH",
        (f"sudo keytool -importcert -noprompt {_KEYTOOL} -file {{file}}",),
        (f"sudo keytool -delete {_KEYTOOL}",),
    ),
}


def name(certificate: Certificate) -> str:
    """The name under which this certificate goes into stores: another authority of ours has another one."""
    return f"mitmvault-{certificate.sha256[:16].lower()}"


def lines(store: str, certificate: Certificate, file: str, *, uninstall: bool = False) -> tuple[str, ...]:
    """The lines to type for a store of the table; `file` is the certificate's path."""
    found = STORES[store]
    known = {"name": name(certificate), "sha1": certificate.sha1}
    known["file"] = file if store == "windows" else shlex.quote(file)
    return tuple(line.format(**known) for line in (found.uninstall if uninstall else found.install))

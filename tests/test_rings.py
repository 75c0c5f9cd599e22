"""The rings, where import-linter cannot tell: parts of mitmproxy, and who may read a secret."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "addons" / "mitmvault"
FILES = sorted(PACKAGE.rglob("*.py"))
# Where the value of a Secret is read, and why.
REVEALS = {
    "core/secret.py": "defines it",
    "core/verdict.py": "Credential.value, called by the wire ring alone",
    "local/inspection.py": "the demo provider blots out of its answer what it received",
    "wire/google_token.py": "a service account of Google becomes an access token",
    "wire/sigv4.py": "a key pair of AWS becomes a signature",
    "wire/echo.py": "looked for in the provider's answer",
    "core/formats/openssl.py": "the vault's password becomes a key",
    "home/start.py": "a fresh token goes into users.json",
    "home/setup.py": "a fresh token goes into users.json",
    "home/provider_keys.py": "keys of the environment, and typed ones, go into the vault",
    "cli/users.py": "a fresh token is shown once",
    "cli/init.py": "a fresh token is shown once",
}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_wire_ring_touches_the_internals_of_mitmproxy(path: Path) -> None:
    inside = {name for name in imported(path) if name.startswith("mitmproxy.proxy")}
    assert not inside or path.parent.name == "wire"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_secrets_are_read_in_few_places(path: Path) -> None:
    calls = {node.func.attr for node in ast.walk(ast.parse(path.read_text()))
             if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}  # fmt: skip
    assert "reveal" not in calls or str(path.relative_to(PACKAGE)) in REVEALS


def test_credentials_are_written_by_the_wire_ring_alone() -> None:
    users = [path for path in FILES if "credential.value()" in path.read_text()]
    assert [path.relative_to(PACKAGE).as_posix() for path in users] == ["wire/key.py"]

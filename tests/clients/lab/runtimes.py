"""What the drivers are run by: Pythons and modules of Node in the cache that scripts/clients fills, and the machine's."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.clients.lab.runner import DRIVERS
from tests.clients.lab.table import CLIENTS, Client

CACHE = "MITMVAULT_LAB_CACHE"  # a folder with `python`, `litellm` (virtual environments) and `node`
COMMANDS = {"Node": "node", "Java": "java", "Go": "go"}  # language -> what it needs on PATH


def find(root: Path) -> tuple[dict[str, str], dict[str, str]]:
    """What runs a language's drivers, or a client's own; and why clients cannot be tried, by client."""
    cache = Path(os.environ.get(CACHE, root / ".clients"))
    found = {"drivers": str(node_drivers(cache)), "Python": str(cache / "python" / "bin" / "python")}
    found |= {language: path for language, name in COMMANDS.items() if (path := shutil.which(name))}
    found["litellm"] = str(cache / "litellm" / "bin" / "python")
    if "Go" in found:
        found["Go"] = _compiled(found["Go"], cache)
    packages = cache / "node" / "node_modules"
    return found, {client.id: why for client in CLIENTS if (why := _missing(client, found, packages))}


def _missing(client: Client, found: dict[str, str], packages: Path) -> str:
    command = client.id if client.language == "shell" else COMMANDS.get(client.language, "")
    here = shutil.which(command) if client.language == "shell" else found.get(client.language)
    if client.language == "Node" and here and not packages.is_dir():
        return "npm has not installed its packages: install npm first"
    return "" if here else f"there is no {command} on this machine: install it first"


def node_drivers(cache: Path) -> Path:
    """Node looks for modules beside the program: the drivers stand where they are installed."""
    folder = cache / "node" / "drivers"
    folder.mkdir(parents=True, exist_ok=True)
    for driver in DRIVERS.glob("*.mjs"):
        shutil.copy(driver, folder)
    return folder


def _compiled(go: str, cache: Path) -> str:
    """Every driver of Go, as a program: there is one."""
    (driver,) = DRIVERS.glob("*.go")
    program = cache / "go" / driver.stem
    subprocess.run([go, "build", "-o", program, driver], check=True)
    return str(program)

"""The requests that `mitmvault doctor` makes with the person's own programs, through a proxy, to the demo provider.

Rules: 1. The proxy is the running one where it has the demo provider for this user. Else one runs as long as needed,
          with a home that is thrown away: a fresh demo vault, and the authority of the person's own home.
       2. Each program runs as `mitmvault run` would run it. Where the person's own environment names our proxy, it
          runs in that as well.
"""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mitmvault.cli import child, ephemeral
from mitmvault.cli.child import Wish
from mitmvault.core.child import child_environment, undo
from mitmvault.core.doctor import client_probes, traps
from mitmvault.core.doctor.client_probes import ABSENT, BODY, KEY, Probe
from mitmvault.core.doctor.finding import FAIL, NOTE, OK, WARN, Finding
from mitmvault.home import running, start, store, user_token
from mitmvault.home.layout import Home, HomeError
from mitmvault.home.password import crypto_token
from mitmvault.home.running import Running
from mitmvault.home.user_token import UserToken

SECONDS, SECONDS_TO_COMPILE = 20.0, 90.0
AT_ONCE = 3
DEMO = "demo"
# The demo provider wants a key, and git has none to send.
_GIT = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "http.extraHeader",
    "GIT_CONFIG_VALUE_0": "x-api-key: sk-mitmvault",
}
_WISH = Wish(user=None, base_url=False, token_as_key=False, https_only=False, keep=())


@dataclass(frozen=True)
class Scene:
    """A proxy with the demo provider, who we are to it, and its home."""

    home: Home
    who: UserToken
    proxy: Running
    keys: frozenset[str]  # of the demo provider, by fingerprint; none where the vault does not open


@contextmanager
def scene(home: Home, environ: Mapping[str, str]) -> Iterator[Scene]:
    """A proxy to ask through (rule 1). Raises HomeError or ClickException when there can be none."""
    try:
        who = user_token.choose(home, None, environ)
        found = running.find(home, who.token)
    except (HomeError, ValueError, OSError):
        found = None
    if found and DEMO in (found.providers or ()):
        yield Scene(home, who, found, _keys(home, environ))
        return
    with tempfile.TemporaryDirectory(prefix="mitmvault-doctor.") as folder:
        other = Home(Path(folder) / "home")
        start.make_directory(other)
        if home.ca_key.exists():
            shutil.copytree(home.ca, other.ca)
        start.ensure(other, environ, user="doctor")
        who = user_token.choose(other, "doctor", {})
        with ephemeral.proxy(other, who.token) as proxy:
            yield Scene(other, who, proxy, _keys(other, environ))


def _keys(home: Home, environ: Mapping[str, str]) -> frozenset[str]:
    try:
        found = store.load_vault(home, crypto_token(home, environ)).providers
    except (HomeError, ValueError, OSError):
        return frozenset()
    return frozenset(key.secret.fingerprint for key in found[DEMO].keys) if DEMO in found else frozenset()


def swap(found: Scene) -> Finding:
    """Is the token really replaced by the vault's key, on the way to the provider?"""
    parts = urlsplit(found.proxy.address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=SECONDS)
    headers = {"Authorization": f"Bearer {found.who.token}", "Content-Type": "application/json"}
    try:
        connection.request("POST", f"/{DEMO}/v1/chat/completions", BODY, headers)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return Finding("swap", DEMO, FAIL, f"no answer: {error}", "mitmvault serve, and look at what it says")
    finally:
        connection.close()
    if client_probes.PASSED in text and found.who.token not in text:
        arrived = next((key for key in found.keys if f"a provider key that ends in {key}" in text), None)
        if arrived:
            text = f"the demo provider got a key from the vault, {arrived}, and your token did not arrive there"
            return Finding("swap", DEMO, OK, text)
        if not found.keys:
            text = "your token did not arrive at the demo provider; which key did cannot be compared, without the vault"
            return Finding("swap", DEMO, WARN, text, "AI_JSON_CRYPTOKEN, or the file cryptoken, opens the vault")
    text = text.replace(found.who.token, "•••")
    return Finding("swap", DEMO, FAIL, f"the demo provider answered {answer.status}: {text[:200]}", "please report it")


def probe(
    found: Scene, wanted: tuple[Probe, ...], environ: Mapping[str, str], done: Callable[[str], None]
) -> list[Finding]:
    """Run the probes; `done` hears the name of each that has ended."""
    before = undo.before(environ)
    kept = {name: value for name, value in before.items() if not _is_broken(name, value)}
    changes = child.changes(found.home, _WISH, found.who, found.proxy, kept)
    run = child_environment.applied(kept, changes)
    ours = urlsplit(found.proxy.address).netloc
    own = dict(before) if traps.proxied(before) == ours else None

    def one(probe: Probe) -> Iterator[Finding]:
        yield from _findings(probe, run, own, found.who.token)
        done(probe.name)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [finding for findings in pool.map(lambda probe: list(one(probe)), wanted) for finding in findings]


def _is_broken(name: str, value: str) -> bool:
    """Does a variable for authorities name a file that is not there? `traps` has said so; it must not stop us here."""
    return name in traps.AUTHORITIES and not Path(value).is_file()


def _findings(probe: Probe, run: Mapping[str, str], own: Mapping[str, str] | None, token: str) -> Iterator[Finding]:
    program = shutil.which(probe.program, path=run.get("PATH"))
    if program is None:
        yield Finding("clients", probe.name, NOTE, f"{probe.program} is not installed")
        return
    output = _output(probe, program, run, token if probe.token_as_key else "sk-mitmvault-doctor")
    if output is None:
        yield Finding("clients", probe.name, NOTE, "the library is not installed")
        return
    if probe.passed not in output:
        text, variables = client_probes.diagnosis(output)
        yield Finding("clients", probe.name, FAIL, f"under mitmvault run, {text}", _remedy(probe, variables))
    elif own is None or not (probe.token or traps.has_credentials(own)):
        yield Finding("clients", probe.name, OK, "works under mitmvault run")
    elif probe.passed in (theirs := _output(probe, program, own, token) or ""):
        yield Finding("clients", probe.name, OK, "works, under mitmvault run and as your environment is")
    else:
        text, variables = client_probes.diagnosis(theirs)
        remedy = f"{_remedy(probe, variables)}; or mitmvault run -- {probe.program} …, which works"
        yield Finding("clients", probe.name, FAIL, f"as your environment is, {text}", remedy)


def _remedy(probe: Probe, variables: str) -> str:
    return "; ".join(
        part for part in (f'set {variables}: eval "$(mitmvault env)"' if variables else "", probe.trap) if part
    )


def _output(probe: Probe, program: str, environ: Mapping[str, str], key: str) -> str | None:
    """Everything that the program prints; None if what it needs is not installed."""
    with tempfile.TemporaryDirectory(prefix="mitmvault-doctor.") as folder:  # mode 0700: a script may hold the key
        path = ""
        if probe.file:
            name, content = probe.file
            path = os.path.join(folder, name)
            Path(path).write_text(content.replace("{key}", key))
        arguments = [argument.replace("{file}", path) for argument in probe.arguments]
        seconds = SECONDS_TO_COMPILE if probe.slow else SECONDS
        environ = {**environ, KEY: key, "GIT_TERMINAL_PROMPT": "0", **_GIT}
        try:
            done = subprocess.run(  # noqa: S603  a program of the person's own, with our script
                [program, *arguments], env=environ, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=seconds,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"no answer within {seconds:.0f} s"
        except OSError as error:
            return str(error)
    return None if done.returncode == ABSENT else done.stdout.decode("utf-8", "replace")

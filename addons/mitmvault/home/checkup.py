"""What is wrong with a home, file by file: for `mitmvault doctor`. Nothing is changed, and no secret is shown.

Rule: one thing that is broken hides no other: each check stands alone, and says what it could not look at.
"""

from __future__ import annotations

import ssl
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from mitmvault.core.configuration import users
from mitmvault.core.doctor import advisories
from mitmvault.core.doctor.finding import FAIL, OK, WARN, Finding, of
from mitmvault.core.formats import openssl
from mitmvault.core.setup import java_truststore
from mitmvault.home import authority, configuration, files, key_checkup, running, start, state, store
from mitmvault.home.layout import Home, HomeError
from mitmvault.home.password import crypto_token

_MISSING_HOME = "mitmvault init makes it, and so does the first mitmvault serve"
Look = Callable[[Home, Mapping[str, str], float], Iterator[Finding]]
_SKEW = 300.0  # seconds by which a file may be younger than the clock says


def examine(home: Home, environ: Mapping[str, str], now: float) -> Iterator[Finding]:
    """Everything about the home and the software; `now` in seconds since 1970."""
    if not home.path.is_dir():
        yield Finding("home", "directory", FAIL, f"there is no directory {home.path}", _MISSING_HOME)
    else:
        for look in (_modes, _settings, _vault, _users, _authority, _clock):
            yield from _guarded(look, home, environ, now)
    yield from advisories.check(_version)


def proxy(home: Home, token: str | None) -> Finding:
    """Does the proxy of this home run, and does it know the token?"""
    remedy = f"start it: mitmvault serve --home {home.path}"
    found = state.running(home)
    if found is None:
        stale = state.read(home)
        text = f"the proxy at {stale.address} has stopped" if stale else "no proxy of this home runs"
        return Finding("proxy", "running", FAIL, text, remedy)
    answer = running.ask(found.address, token or "")
    if answer is None:
        text = f"nobody answers at {found.address}, though process {found.pid} lives"
        return Finding("proxy", "running", FAIL, text, f"stop process {found.pid}, then {remedy}")
    if token and answer.providers is None:
        text = f"the proxy at {found.address} does not know the token of this home's user"
        return Finding("proxy", "running", FAIL, text, "is it the proxy of this home? mitmvault users list")
    have = f", with {', '.join(sorted(answer.providers))}" if answer.providers else ""
    return Finding("proxy", "running", OK, f"answers at {found.address}{have}")


def trusts(path: str, home: Home) -> bool | None:
    """Does this file of authorities hold that of the home? None where it cannot be read."""
    try:
        ours = authority.load(home).certificate.der if home.ca_key.exists() else b""
        text = files.read(Path(path), 16 << 20).decode("utf-8", "replace")
        found = java_truststore.certificates(text)
    except (HomeError, ValueError):
        return None
    return ours in found if found else None


def tokens(home: Home) -> Callable[[str], bool]:
    """Is a text the token of one of our users? Nothing is, where the users cannot be read."""
    try:
        found = store.load_users(home)
    except (HomeError, ValueError, OSError):
        return lambda text: False
    return lambda text: found.knows(users.digest(text))


def _guarded(look: Look, home: Home, environ: Mapping[str, str], now: float) -> Iterator[Finding]:
    area = look.__name__.removeprefix("_")
    try:
        yield from look(home, environ, now)
    except (HomeError, ValueError) as error:
        yield Finding(area, "readable", FAIL, str(error), _remedy(error))
    except OSError as error:
        yield Finding(area, "readable", FAIL, f"{error.filename or home.path}: {error.strerror}", "who owns it? ls -l")


def _remedy(error: Exception) -> str:
    if isinstance(error, openssl.SealError):
        return "AI_JSON_CRYPTOKEN, or the file cryptoken, must hold the password with which the vault was written"
    if isinstance(error, HomeError) and ": " in str(error):
        return str(error).rpartition(": ")[2]  # it says itself what to do
    return "mend the file, or put the version before (*.previous) in its place"


def _modes(home: Home, environ: Mapping[str, str], now: float) -> Iterator[Finding]:
    wide = start.wide(home)
    for path, mode, wanted in wide:
        what = "directory" if wanted == files.PRIVATE_DIRECTORY else "file"
        text = f"the {what} {path} is open to others: mode {mode:04o}, not {wanted:04o}"
        yield Finding("home", path.name, FAIL, text, f"chmod {wanted:03o} {path}")
    owner = home.path.stat().st_uid
    foreign = [path for path in (home.vault, home.users) if path.exists() and path.stat().st_uid != owner]
    for path in foreign:
        yield Finding("home", path.name, WARN, f"{path} is another user's than the home directory", f"ls -l {path}")
    if not wide and not foreign:
        mode = stat.S_IMODE(home.path.stat().st_mode)
        yield Finding("home", "permissions", OK, f"{home.path} is private ({mode:04o})")


def _settings(home: Home, environ: Mapping[str, str], now: float) -> Iterator[Finding]:
    configuration.known(home)
    if home.settings.exists():
        from mitmvault.core.configuration import settings

        settings.load(home.settings.read_text("utf-8"))
        yield Finding("settings", "mitmvault.yaml", OK, f"{home.settings} is in order")


def _vault(home: Home, environ: Mapping[str, str], now: float) -> Iterator[Finding]:
    found = store.load_vault(home, crypto_token(home, environ))
    keys = [key for provider in found.providers.values() for key in provider.keys]
    yield of("vault", "opens", None if found.providers else "it names no provider",
             f"{len(found.providers)} providers, {len(keys)} keys", "mitmvault init --key PROVIDER", WARN)  # fmt: skip
    specs = configuration.known(home).by_name
    for name, provider in found.providers.items():
        yield from key_checkup.look(name, provider, specs[name].key_forms if name in specs else ())


def _users(home: Home, environ: Mapping[str, str], now: float) -> Iterator[Finding]:
    raw = store.load_users_document(home)
    may_in = users.checked(raw)
    yield of("users", "may in", None if len(may_in) else "nobody may in", f"{len(may_in)} of {len(raw)} users may in",
             "mitmvault users add NAME")  # fmt: skip


def _authority(home: Home, environ: Mapping[str, str], now: float) -> Iterator[Finding]:
    moment = datetime.fromtimestamp(now, UTC)
    found = authority.load(home, moment)
    left = found.certificate.days_left(moment)
    bad = FAIL if left < 0 or moment < found.certificate.begins else WARN
    for warning in found.warnings:
        text, _, remedy = warning.partition("; ")
        yield Finding("authority", "certificate", bad, text, remedy or "mitmvault ca")
    if not _fits(home):
        text = f"the private key in {home.ca_key} does not fit its certificate: no program would believe the proxy"
        yield Finding(
            "authority", "private key", FAIL, text, f"put a copy back, or move {home.ca} away: mitmvault init"
        )
    elif not found.warnings:
        yield Finding("authority", "certificate", OK, f"valid until {found.certificate.ends:%Y-%m-%d}, {left} days")


def _fits(home: Home) -> bool:
    """OpenSSL compares the two; the private key is never in our hands."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(home.ca_key)
    except ssl.SSLError:
        return False
    return True


def _clock(home: Home, environ: Mapping[str, str], now: float) -> Iterator[Finding]:
    """No network is asked: a clock that went back shows by files from the future."""
    newest = max((path.stat().st_mtime for path in home.path.iterdir()), default=0.0)
    behind = newest - now > _SKEW
    day = time.strftime("%Y-%m-%d %H:%M", time.gmtime(now))
    problem = f"the clock says {day} UTC, but the home has files from later than that" if behind else None
    yield of("clock", "time", problem, f"{day} UTC", "set the clock: timedatectl set-ntp true", FAIL)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None

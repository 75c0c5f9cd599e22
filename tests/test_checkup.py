"""What is wrong with a home."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import certifi
import pytest

from mitmvault.core.doctor.finding import FAIL, WARN
from mitmvault.core.secret import Secret
from mitmvault.home import checkup, start, state, store
from mitmvault.home.layout import Home

ENVIRON = {"AI_JSON_CRYPTOKEN": "made-up-crypto-token", "USER": "alice"}
NOW = time.time()


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Home:
    home = Home(tmp_path_factory.mktemp("whole") / "home")
    start.ensure(home, ENVIRON)
    return home


@pytest.fixture
def home(whole, tmp_path) -> Home:
    """A healthy home, to break."""
    shutil.copytree(whole.path, tmp_path / "home")
    return Home(tmp_path / "home")


def found(home: Home, environ=ENVIRON, now: float | None = None) -> dict[tuple[str, str], object]:
    return {(one.area, one.name): one for one in checkup.examine(home, environ, now or time.time())}


def bad(home: Home, *more) -> list[object]:
    return [one for key, one in found(home, *more).items() if one.status in (FAIL, WARN) and key[0] != "software"]


def test_a_healthy_home(home):
    assert bad(home) == []
    assert {area for area, _ in found(home)} >= {"home", "vault", "users", "authority", "clock", "software"}


def test_no_home(tmp_path):
    (one,) = bad(Home(tmp_path / "none"))
    assert one.status == FAIL and "mitmvault init" in one.remedy


@pytest.mark.parametrize("name, mode, wanted", [("", 0o755, "700"), ("users.json", 0o644, "600"), ("ca", 0o750, "700")])
def test_wide_modes(home, name, mode, wanted):
    path = home.path / name
    path.chmod(mode)
    (one,) = bad(home)
    assert one.status == FAIL and f"mode {mode:04o}" in one.text and one.remedy == f"chmod {wanted} {path}"


def keys(home: Home, *types: str, **fields) -> None:
    entries = [{"key": f"gsk-made-up-{number:04}", "owner": "a", "type": type_} for number, type_ in enumerate(types)]
    providers = {"groq": {"keys": entries, **fields}}
    store.save_vault_document(home, {"version": 1, "providers": providers}, Secret(ENVIRON["AI_JSON_CRYPTOKEN"]))


@pytest.mark.parametrize(
    ("types", "status", "words"),
    [
        (("expired",), FAIL, "key #1 …0000 of groq is expired; it has no other"),
        (("free", "Expired"), WARN, "key #2 …0001 of groq is expired, and not used"),
        (("expired", "expired"), FAIL, "keys #1 …0000, #2 …0001 of groq are expired"),
    ],
)
def test_expired_keys(home, types, status, words):
    keys(home, *types)
    (one,) = bad(home)
    assert (one.status, one.area, one.name) == (status, "vault", "groq")
    assert one.text.startswith(words) and "mitmvault init --key groq" in one.remedy


def test_a_wrong_password_hides_nothing_else(home):
    home.users.chmod(0o644)
    names = {(one.area, one.name): one for one in bad(home, {"AI_JSON_CRYPTOKEN": "another"})}
    assert set(names) == {("home", "users.json"), ("vault", "readable")}
    assert "AI_JSON_CRYPTOKEN" in names["vault", "readable"].remedy


def test_broken_files(home):
    home.users.write_text("{")
    home.settings.write_text("no_such_setting: 1\n")
    home.settings.chmod(0o600)
    home.ca_key.write_text("nothing")
    areas = {one.area: one for one in bad(home)}
    assert set(areas) == {"users", "settings", "authority"} and all(one.remedy for one in areas.values())


def test_nobody_may_in(home):
    store.save_users_document(home, {})
    (one,) = bad(home)
    assert one.remedy == "mitmvault users add NAME"


@pytest.mark.parametrize(("years", "word"), [(9.95, "expires on"), (11, "has expired")])
def test_the_authoritys_end(home, years, word):
    ones = {one.area: one for one in bad(home, ENVIRON, NOW + years * 365.25 * 86400)}
    assert word in ones["authority"].text and ones["authority"].status == (WARN if "expires" in word else FAIL)


def test_a_clock_that_went_back(home):
    ones = {one.area: one for one in bad(home, ENVIRON, NOW - 86400 * 3)}
    assert set(ones) >= {"clock", "authority"} or ones["clock"].status == FAIL
    assert "set the clock" in ones["clock"].remedy


def test_keys_that_need_a_package(home, monkeypatch):
    monkeypatch.setattr(checkup.key_checkup, "_installed", lambda module: False)
    pair = {"accessKeyId": "AKIAMADEUP0000000001", "secretAccessKey": "made-up/secret+key0000000000000000000001"}
    entry = {"key": pair, "owner": "a", "type": "paid"}
    providers = {"aws-bedrock": {"keys": [entry], "endpoint": "https://bedrock-runtime.us-east-1.amazonaws.com"}}
    store.save_vault_document(home, {"version": 1, "providers": providers}, Secret(ENVIRON["AI_JSON_CRYPTOKEN"]))
    (one,) = bad(home)
    assert "botocore" in one.text and "mitmvault[bedrock]" in one.remedy


def test_no_proxy_runs(home):
    assert "no proxy of this home runs" in checkup.proxy(home, "token").text
    state.write(home, state.State(2**22 + 1, "http://127.0.0.1:1", None, 0.0))
    one = checkup.proxy(home, "token")
    assert one.status == FAIL and "has stopped" in one.text and f"mitmvault serve --home {home.path}" in one.remedy


def test_somebody_elses_process(home):
    state.write(home, state.State(os.getpid(), "http://127.0.0.1:1", None, 0.0))
    one = checkup.proxy(home, "token")
    assert one.status == FAIL and f"process {os.getpid()}" in one.text


def test_trusts(home, tmp_path):
    ours, other = home.ca_certificate.read_text(), tmp_path / "other.pem"
    (tmp_path / "both.pem").write_text(ours + "\n" + ours)
    other.write_text("nothing")
    assert checkup.trusts(str(tmp_path / "both.pem"), home) is True
    assert checkup.trusts(str(other), home) is None and checkup.trusts(str(tmp_path / "gone"), home) is None
    other.write_text(Path(certifi.where()).read_text())
    assert checkup.trusts(str(other), home) is False


def test_a_private_key_that_does_not_fit(home, tmp_path):
    other = Home(tmp_path / "other")
    start.ensure(other, ENVIRON)
    mark = "-----BEGIN CERTIFICATE-----"
    mine, its = home.ca_key.read_text(), other.ca_key.read_text()
    home.ca_key.write_text(its.partition(mark)[0] + mark + mine.partition(mark)[2])
    (one,) = bad(home)
    assert (one.area, one.name, one.status) == ("authority", "private key", FAIL)
    assert "does not fit" in one.text and "mitmvault init" in one.remedy


def test_the_users_tokens_are_known(home):
    token = next(iter(store.load_users_document(home).values()))["key"]
    assert checkup.tokens(home)(token) and not checkup.tokens(home)("another")
    home.users.write_text("nothing")
    assert not checkup.tokens(home)(token)


def test_every_private_file_is_looked_at(home):
    home.catalogue.write_text("")
    state.write(home, state.State(1, "http://127.0.0.1:1", None, 0.0))
    paths = [home.catalogue, home.state, home.ca_key.with_suffix(".p12")]
    for path in paths:
        path.chmod(0o644)
    assert {one.name for one in bad(home)} == {path.name for path in paths}

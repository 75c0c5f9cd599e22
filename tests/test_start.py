"""The first start, the second, and homes that cannot be used."""

import os
import re
import stat

import pytest

from mitmvault.core.configuration import users
from mitmvault.home import password, start, store
from mitmvault.home.layout import Home, HomeError

ENVIRON = {"LOGNAME": "alice"}
WITH_TOKEN = {**ENVIRON, "AI_JSON_CRYPTOKEN": "made-up-crypto-token"}


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "deep" / "home")


def content(home: Home) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.path.rglob("*") if path.is_file()}


def test_first_start_makes_a_home_that_works(home):
    before = os.umask(0)
    try:
        started = start.ensure(home, ENVIRON)
    finally:
        os.umask(before)
    demo = store.load_vault(home, password.crypto_token(home, ENVIRON)).providers["demo"]
    assert (demo.protocol, demo.endpoint, demo.models[0].id, demo.models[0].priority) == ("openai", None, "demo-1", 0)
    assert re.fullmatch("demo-key-[A-Za-z0-9_-]{24,}", demo.keys[0].secret.reveal())
    assert started.user == "alice" and started.token and re.fullmatch("mv-[A-Za-z0-9_-]{32}", started.token.reveal())
    assert store.load_users(home).find(started.token.reveal()) == users.User("alice", None, None)
    assert set(started.created) == {home.vault, home.users, home.cryptoken, home.ca} and started.warnings == []
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in home.path.rglob("*") if path.is_file()} == {0o600}
    assert stat.S_IMODE(home.ca.stat().st_mode) == 0o700 and home.ca_certificate.exists()


def test_second_start_changes_nothing(home):
    start.ensure(home, ENVIRON)
    before = content(home)
    assert start.ensure(home, {"LOGNAME": "bob"}) == start.Started((), None, None, [])
    assert content(home) == before


def test_the_first_user_may_have_another_name(home):
    started = start.ensure(home, ENVIRON, "zoe")
    assert started.user == "zoe" and list(store.load_users_document(home)) == ["zoe"]
    again = start.ensure(home, ENVIRON, "yves")
    assert (again.user, again.token) == (None, None) and list(store.load_users_document(home)) == ["zoe"]


def test_two_homes_share_no_secret(tmp_path):
    one, two = Home(tmp_path / "1"), Home(tmp_path / "2")
    start.ensure(one, ENVIRON)
    start.ensure(two, ENVIRON)
    shared = set(content(one).values()) & set(content(two).values())
    assert shared == {(one.ca / "mitmproxy-dhparam.pem").read_bytes()}  # public, the same for everybody


def test_a_token_in_the_environment_stays_there(home):
    assert home.cryptoken not in start.ensure(home, WITH_TOKEN).created
    assert not home.cryptoken.exists()
    assert store.load_vault(home, password.crypto_token(home, WITH_TOKEN)).providers
    with pytest.raises(HomeError, match="AI_JSON_CRYPTOKEN"):
        start.ensure(home, ENVIRON)


@pytest.mark.parametrize("kept", ["vault", "users", "cryptoken"])
def test_what_exists_is_kept(home, kept):
    start.ensure(home, ENVIRON)
    for name in {"vault", "users", "cryptoken"} - {kept, "cryptoken" if kept == "vault" else kept}:
        getattr(home, name).unlink()
    before = getattr(home, kept).read_bytes()
    start.ensure(home, ENVIRON)
    assert getattr(home, kept).read_bytes() == before
    store.load_vault(home, password.crypto_token(home, ENVIRON))


def test_a_lost_token_is_not_replaced(home):
    start.ensure(home, ENVIRON)
    home.cryptoken.unlink()
    with pytest.raises(HomeError, match="no crypto token"):
        start.ensure(home, ENVIRON)
    assert not home.cryptoken.exists()


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda home: home.path.write_bytes(b""), "not a directory"),
        (lambda home: home.path.symlink_to("nowhere"), "cannot use"),
        (lambda home: (home.path.mkdir(), home.users.mkdir()), "cannot read .*users.json"),
        (lambda home: (home.path.mkdir(), home.cryptoken.mkdir()), "cannot read .*cryptoken"),
        (lambda home: (home.path.mkdir(), home.cryptoken.touch()), "one line"),
        (lambda home: (home.path.mkdir(), home.vault.mkdir()), "no crypto token"),
    ],
)
def test_homes_that_cannot_be_used(home, spoil, message):
    home.path.parent.mkdir()
    spoil(home)
    with pytest.raises(HomeError, match=message) as caught:
        start.ensure(home, ENVIRON)
    assert "\n" not in str(caught.value)


def test_parent_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(HomeError, match=r"cannot use|not a directory"):
        start.ensure(Home(tmp_path / "file" / "home"), ENVIRON)


def test_not_writable(home, monkeypatch):
    start.ensure(home, ENVIRON)
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    with pytest.raises(HomeError, match="not writable"):
        start.ensure(home, ENVIRON)


@pytest.mark.parametrize(
    "name, mode, wanted",
    [("path", 0o755, "700"), ("vault", 0o640, "600"), ("users", 0o604, "600"), ("cryptoken", 0o644, "600")],
)
def test_wide_modes_are_warnings(home, name, mode, wanted):
    start.ensure(home, ENVIRON)
    path = getattr(home, name)
    path.chmod(mode)
    warnings = start.ensure(home, ENVIRON).warnings
    assert warnings == [f"{path} is open to others (mode {mode:04o}): chmod {wanted} {path}"]
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize(
    "environ, name",
    [
        ({"LOGNAME": "alice"}, "alice"),
        ({"USER": "bob"}, "bob"),
        ({"USERNAME": "carol"}, "carol"),
        ({"LOGNAME": "", "USER": "bob"}, "bob"),
        ({"LOGNAME": "DOMAIN\\José Ω"}, "DOMAIN-Jos"),
        ({"LOGNAME": "Ω"}, "me"),
        ({"LOGNAME": "../x\n"}, "x"),
        ({"LOGNAME": "a" * 100}, "a" * 64),
        ({}, "me"),
    ],
)
def test_login_name(environ, name):
    assert start.login_name(environ) == name and users.USER_NAME.match(name)

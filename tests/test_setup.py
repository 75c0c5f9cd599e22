"""What `mitmvault init` does: what is asked for is there afterwards, what was there is kept."""

from __future__ import annotations

import pytest

from mitmvault.core.configuration.users import UsersError
from mitmvault.core.secret import Secret
from mitmvault.home import setup, start, store
from mitmvault.home.layout import Home, HomeError
from mitmvault.home.provider_keys import Typed
from mitmvault.home.setup import Wish

KEY = "gsk_made-up-key-000000000001"


@pytest.fixture
def environ(tmp_path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "LOGNAME": "alice", "AI_JSON_CRYPTOKEN": "made-up-crypto-token"}


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home")


def content(home: Home) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in home.path.rglob("*") if path.is_file()}


def test_everything_at_once_and_again(home, environ):
    wish = Wish("zoe", (), (Typed("groq", Secret(KEY)),), service=True)
    done = setup.carry_out(home, environ, wish)
    assert done.service and set(done.created) == {home.vault, home.users, home.ca, done.service.path}
    assert (done.kept, done.user, done.providers, done.keys[0].added) == ((), "zoe", ("demo", "groq"), True)
    assert done.token and store.load_users(home).find(done.token.reveal()).name == "zoe"
    before = content(home)
    again = setup.carry_out(home, environ, wish)
    assert content(home) == before
    assert (again.created, again.user, again.token, again.keys[0].added) == ((), None, None, False)
    assert set(again.kept) == set(done.created)


def test_without_wishes_it_is_the_first_start(home, environ, tmp_path):
    done = setup.carry_out(home, environ, Wish())
    assert (done.user, done.keys, done.service, done.providers) == ("alice", (), None, ("demo",))
    assert start.ensure(home, environ) == start.Started((), None, None, [])
    assert not (tmp_path / ".config").exists()


def test_another_user_is_added_and_the_first_is_kept(home, environ):
    setup.carry_out(home, environ, Wish())
    before = store.load_users_document(home)
    done = setup.carry_out(home, environ, Wish("bob"))
    assert done.user == "bob" and done.token and home.users in done.kept
    assert store.load_users_document(home) == before | {"bob": {"key": done.token.reveal()}}


@pytest.mark.parametrize(
    "wish, error, said",
    [
        (Wish("a b"), UsersError, "letter or digit"),
        (Wish(typed=(Typed("groqq", Secret(KEY)),)), HomeError, "did you mean"),
    ],
)
def test_wrong_wishes_change_nothing(home, environ, wish, error, said):
    with pytest.raises(error, match=said):
        setup.carry_out(home, environ, wish)
    assert not home.path.exists()


def test_no_services_here(home, environ, monkeypatch):
    monkeypatch.setattr("mitmvault.home.service.of", lambda *_: None)
    with pytest.raises(HomeError, match="mitmvault serve"):
        setup.carry_out(home, environ, Wish(service=True))
    assert not home.path.exists()


def test_warnings(home, environ):
    done = setup.carry_out(home, environ | {"OPENAI_API_KEY": "sk-made-up-000000000000"}, Wish(service=True))
    assert done.service and [text.split()[2] for text in done.warnings] == ["cannot", "does"]
    assert "AI_JSON_CRYPTOKEN" in done.warnings[0] and "--env-keys" in done.warnings[1]
    done.service.path.write_text("mine")
    home.vault.chmod(0o644)
    texts = " ".join(setup.carry_out(home, environ, Wish(service=True)).warnings)
    assert "open to others" in texts and "was kept" in texts and done.service.path.read_text() == "mine"
    assert not any("was kept" in text for text in setup.carry_out(home, environ, Wish()).warnings)

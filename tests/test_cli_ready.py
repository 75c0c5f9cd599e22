"""What is said when the proxy is ready, and to whom: in a log that others may read there is no token."""

from __future__ import annotations

import json

import pytest

from mitmvault.cli import preflight, ready
from mitmvault.home import start, store
from mitmvault.home.layout import Home
from tests.worlds import USERS, world

PASSWORD = "made-up-crypto-token"
WEB = "http://127.0.0.1:8081/?token=made-up-web-password"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Home:
    monkeypatch.setenv("AI_JSON_CRYPTOKEN", PASSWORD)
    found = Home(tmp_path / "home")
    start.ensure(found, {"AI_JSON_CRYPTOKEN": PASSWORD, "USER": "alice"})
    return found


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        (USERS, ("alice", USERS["alice"]["key"])),
        ({"erin": USERS["erin"], "bob": USERS["bob"]}, ("bob", USERS["bob"]["key"])),
        ({"x": {"sha256": "0" * 64}}, ("x", None)),
    ],
)
def test_the_first_user(home, people, expected):
    store.save_users_document(home, people)
    assert ready.first_user(home) == expected


def test_no_user_at_all(home):
    home.users.write_text("{}")
    name, token = ready.first_user(home)
    assert "users add" in name and token is None


def test_expired_in_any_spelling(home):
    store.save_users_document(home, {"erin": {**USERS["erin"], "type": " Expired "}, "bob": USERS["bob"]})
    assert ready.first_user(home)[0] == "bob"


def test_the_banner_shows_the_token_and_what_to_try(home, capsys):
    world = preflight.check_files(home, [("127.0.0.1", 8080)])
    ready.Banner(home, world, ()).mitmvault_ready("http://127.0.0.1:8080", WEB)
    said = capsys.readouterr().out
    assert said.count(str(ready.first_user(home)[1])) == 3 and WEB in said


@pytest.mark.parametrize("web, wanted", [(None, ""), (WEB, "mitmweb: http://127.0.0.1:8081/\n")])
def test_quiet_shows_the_addresses_alone(capsys, web, wanted):
    ready.Quiet().mitmvault_ready("http://127.0.0.1:8080", web)
    assert capsys.readouterr().out == f"listening at: http://127.0.0.1:8080\n{wanted}"


@pytest.mark.parametrize("web, wanted", [(None, None), (WEB, "http://127.0.0.1:8081/")])
def test_in_json_too(capsys, web, wanted):
    ready.Json().mitmvault_ready("http://127.0.0.1:8080", web)
    told = json.loads(capsys.readouterr().out)
    assert (told["event"], told["address"], told.get("web")) == ("ready", "http://127.0.0.1:8080", wanted)


def test_the_dashboard_is_named_where_somebody_may_open_it():
    ada = {"ada": {"key": "mv-ada-token-made-up", "admin": True}}
    named = {"ui": {"endpoint": "https://ui.example/v1", "keys": [{"key": "made-up-ui-0001"}]}}
    at = "http://127.0.0.1:8080"
    assert ready.dashboard(world(people=USERS | ada), at) == "http://127.0.0.1:8080/ui/"
    assert ready.dashboard(world(people=USERS), at) is None
    assert ready.dashboard(world(people={"ada": ada["ada"] | {"type": "expired"}}), at) is None
    assert ready.dashboard(world(named, people=ada), at) is None

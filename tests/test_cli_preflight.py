"""What can be wrong before the proxy runs: each is one sentence that names the file, or the option to change."""

from __future__ import annotations

import socket

import click
import pytest

from mitmvault.cli import preflight
from mitmvault.core.secret import Secret
from mitmvault.home import start, store
from mitmvault.home.layout import Home
from tests.worlds import PROVIDERS

PASSWORD = "made-up-crypto-token"
LOCAL = [("127.0.0.1", 8080)]


@pytest.fixture
def home(tmp_path, monkeypatch) -> Home:
    monkeypatch.setenv("AI_JSON_CRYPTOKEN", PASSWORD)
    found = Home(tmp_path / "home")
    start.ensure(found, {"AI_JSON_CRYPTOKEN": PASSWORD, "USER": "alice"})
    return found


def test_check_returns_the_vault(home):
    assert list(preflight.check_files(home, LOCAL).vault.providers) == ["demo"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("settings", "bogus: 1", "bogus"),
        ("settings", "body_limit: lots", "body_limit"),
        ("catalogue", "a: {bogus: 1}", "bogus"),
        ("catalogue", "a: {", "YAML"),
    ],
)
def test_check_names_the_file(home, name, text, words):
    path = getattr(home, name)
    path.write_text(text)
    with pytest.raises(click.ClickException) as caught:
        preflight.check_files(home, LOCAL)
    assert str(path) in caught.value.message and words in caught.value.message


@pytest.mark.parametrize(
    ("host", "fine"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("10.0.0.1", False)]
)
def test_no_users_and_no_loopback(home, host, fine):
    home.users.write_text("{}")
    if fine:
        assert preflight.check_files(home, [("127.0.0.1", 8080), (host, 8080)])
        return
    with pytest.raises(click.ClickException, match="users add"):
        preflight.check_files(home, [("127.0.0.1", 8080), (host, 8080)])


def test_a_clash_with_the_shipped_catalogue_is_one_sentence(home):
    home.catalogue.write_text("mine: {hosts: [api.groq.com]}")
    with pytest.raises(click.ClickException):
        preflight.check_files(home, LOCAL)


def test_the_vault_must_open(home):
    store.save_vault_document(home, {"providers": PROVIDERS}, Secret("another"))
    with pytest.raises(Exception, match=r"password|crypto token"):
        preflight.check_files(home, LOCAL)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_port_in_use(family):
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.socket(family) as taken:
        taken.bind((host, 0))
        taken.listen()
        with pytest.raises(click.ClickException, match=r"cannot listen at .*in use.*--listen"):
            preflight.check_port(host, taken.getsockname()[1], "--listen")
    preflight.check_port(host, 0, "--listen")

"""`mitmvault serve` before it runs: arguments, files and ports that cannot be right."""

from __future__ import annotations

import socket

import click
import pytest
from click.testing import CliRunner

from mitmvault.cli import serve as module
from mitmvault.cli.main import cli
from mitmvault.core.secret import Secret
from mitmvault.home import start, store
from mitmvault.home.layout import Home
from tests.worlds import PROVIDERS, USERS

PASSWORD = "made-up-crypto-token"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Home:
    monkeypatch.setenv("AI_JSON_CRYPTOKEN", PASSWORD)
    found = Home(tmp_path / "home")
    start.ensure(found, {"AI_JSON_CRYPTOKEN": PASSWORD, "USER": "alice"})
    return found


def run(home: Home, *arguments: str):
    return CliRunner().invoke(cli, ["serve", "--home", str(home.path), *arguments])


@pytest.mark.parametrize(
    "listen", ["8080", "", ":8080", "localhost", "a b:80", "127.0.0.1:99999", "127.0.0.1:x", "::1:8080", "http://x:80"]
)
def test_listen_must_be_host_and_port(home, listen):
    result = run(home, "--listen", listen)
    assert result.exit_code == 2 and "--listen" in result.stderr and "HOST:PORT" in result.stderr


@pytest.mark.parametrize(
    "mode", ["reverse:https://api.openai.com", "upstream:http://x", "regular", "bogus", "transparent@x"]
)
def test_modes_that_are_none_of_ours(tmp_path, mode):
    result = run(Home(tmp_path / "new"), "--mode", mode)
    assert result.exit_code == 2 and "--mode" in result.stderr and mode in result.stderr
    assert not (tmp_path / "new").exists()


def started_with(home, monkeypatch, *arguments: str) -> tuple[list[str], list[str]]:
    """Run without the proxy itself: the modes it would run in, and where a port was looked for."""
    seen, ports = [], []

    async def proxy(home, modes, *_):
        seen.extend(modes)

    monkeypatch.setattr(module, "_run", proxy)
    monkeypatch.setattr(module, "_check_port", lambda host, port, option: ports.append(f"{option} {host} {port}"))
    result = run(home, *arguments)
    assert result.exit_code == 0, result.output
    return seen, ports


def test_modes_run_beside_the_listener(home, monkeypatch):
    modes, ports = started_with(home, monkeypatch, "--mode", "transparent", "--mode", "local:curl")
    assert modes == ["regular@127.0.0.1:8080", "transparent@127.0.0.1:8443", "local:curl"]
    assert ports == ["--listen 127.0.0.1 8080", "--mode MODE@PORT 127.0.0.1 8443"]


def test_an_ipv6_listener_as_mitmproxy_takes_it(home, monkeypatch):
    modes, ports = started_with(home, monkeypatch, "--listen", "[::1]:8080", "--mode", "socks5")
    assert modes == ["regular@::1:8080", "socks5@::1:1080"]
    assert ports == ["--listen ::1 8080", "--mode MODE@PORT ::1 1080"]


def test_an_open_mode_without_users(home):
    home.users.write_text("{}")
    result = run(home, "--mode", "transparent@0.0.0.0:8443")
    assert result.exit_code == 1 and "nobody could use a proxy on 0.0.0.0" in result.stderr


@pytest.mark.parametrize("arguments", [["--web-port", "x"], ["--bogus"], ["extra"]])
def test_other_arguments(home, arguments):
    assert run(home, *arguments).exit_code == 2


def test_nothing_is_created_for_wrong_arguments(tmp_path):
    run(Home(tmp_path / "new"), "--listen", "8080")
    assert not (tmp_path / "new").exists()


def test_check_returns_the_vault(home):
    assert list(module._check(home, "127.0.0.1", 8080).vault.providers) == ["demo"]


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
        module._check(home, "127.0.0.1", 8080)
    assert str(path) in caught.value.message and words in caught.value.message


@pytest.mark.parametrize(
    ("host", "fine"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("10.0.0.1", False)]
)
def test_no_users_and_no_loopback(home, host, fine):
    home.users.write_text("{}")
    if fine:
        assert module._check(home, host, 8080)
        return
    with pytest.raises(click.ClickException, match="users add"):
        module._check(home, host, 8080)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_port_in_use(family):
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.socket(family) as taken:
        taken.bind((host, 0))
        taken.listen()
        with pytest.raises(click.ClickException, match=r"cannot listen at .*in use.*--listen"):
            module._check_port(host, taken.getsockname()[1], "--listen")
    module._check_port(host, 0, "--listen")


def test_a_port_in_use_ends_in_one_sentence(home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run(home, "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert result.exit_code == 1 and "cannot listen" in result.stderr and "Traceback" not in result.output


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
    assert module._first_user(home) == expected


def test_no_user_at_all(home):
    home.users.write_text("{}")
    name, token = module._first_user(home)
    assert "users add" in name and token is None


# --- what is wrong now ---


def test_a_clash_with_the_shipped_catalogue_is_one_sentence(home):
    home.catalogue.write_text("mine: {hosts: [api.groq.com]}")
    with pytest.raises(click.ClickException):
        module._check(home, "127.0.0.1", 8080)


def test_expired_in_any_spelling(home):
    store.save_users_document(home, {"erin": {**USERS["erin"], "type": " Expired "}, "bob": USERS["bob"]})
    assert module._first_user(home)[0] == "bob"


def test_an_empty_port(home, monkeypatch):
    monkeypatch.setattr(module, "_check_port", lambda *_: (_ for _ in ()).throw(click.ClickException("tried")))
    assert run(home, "--listen", "127.0.0.1:").exit_code == 2


def test_the_vault_must_open(home):
    store.save_vault_document(home, {"providers": PROVIDERS}, Secret("another"))
    with pytest.raises(Exception, match=r"password|crypto token"):
        module._check(home, "127.0.0.1", 8080)

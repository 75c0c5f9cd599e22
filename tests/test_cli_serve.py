"""`mitmvault serve` before it runs: arguments, files and ports that cannot be right."""

from __future__ import annotations

import socket

import click
import pytest
from click.testing import CliRunner

from mitmvault.cli import preflight, proxying
from mitmvault.cli.main import cli
from mitmvault.home import start
from mitmvault.home.layout import Home

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

    monkeypatch.setattr(proxying, "run", proxy)
    monkeypatch.setattr(preflight, "check_port", lambda host, port, option: ports.append(f"{option} {host} {port}"))
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


def test_a_port_in_use_ends_in_one_sentence(home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run(home, "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert result.exit_code == 1 and "cannot listen" in result.stderr and "Traceback" not in result.output


def test_an_empty_port(home, monkeypatch):
    monkeypatch.setattr(preflight, "check_port", lambda *_: (_ for _ in ()).throw(click.ClickException("tried")))
    assert run(home, "--listen", "127.0.0.1:").exit_code == 2

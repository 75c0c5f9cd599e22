"""The options that `run` and `env` share, and the variables of a home."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from mitmvault.cli import child
from mitmvault.cli.child import Wish, child_options
from mitmvault.home.layout import Home
from mitmvault.home.running import Running
from mitmvault.home.user_token import UserToken
from tests.test_child_trust import OURS, SYSTEM

ALICE = UserToken("alice", "mv-alice-token-made-up")
PLAIN = Wish(user=None, base_url=False, token_as_key=False, https_only=False, keep=())


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path)
    home.ca.mkdir()
    home.ca_certificate.write_text(OURS)
    (tmp_path / "system.pem").write_text(SYSTEM)
    return home


def test_the_options():
    @click.command()
    @child_options
    def command(**wish):
        click.echo(repr(Wish(**wish)))

    text = (
        CliRunner().invoke(command, ["--user", "a", "--base-url", "--keep", "X", "--keep", "Y", "--https-only"]).output
    )
    assert text.strip() == repr(Wish("a", True, False, True, ("X", "Y")))


def test_a_proxy_that_does_not_know_the_token(home):
    with pytest.raises(click.ClickException, match="does not know the token of alice"):
        child.changes(home, PLAIN, ALICE, Running("http://127.0.0.1:8080", None), {})


def test_the_variables_of_a_home(home, capsys):
    home.catalogue.write_text("mine: {env: [MINE_API_KEY], key_shape: 'mine-{20}', base_url_env: {MINE_URL: /mine}}")
    proxy = Running("http://127.0.0.1:8080", frozenset({"mine"}))
    before = {"SSL_CERT_FILE": str(home.path / "system.pem")}
    found = child.changes(home, PLAIN, ALICE, proxy, before)
    assert found["MINE_API_KEY"].value.startswith("mine-facade") and "MINE_URL" not in found
    assert found["SSL_CERT_FILE"].value == str(home.path / "child-roots.pem")
    child.changes(home, PLAIN, ALICE, proxy, before | {"APP_KEY": "mine-" + "r" * 20})
    assert capsys.readouterr().err == (
        "mitmvault: APP_KEY held what looks like a key of mine, and is replaced: --keep APP_KEY leaves it\n"
    )
    found = child.changes(home, PLAIN.with_token_as_key(), ALICE, proxy, before)
    assert found["MINE_API_KEY"].value == ALICE.token
    found = child.changes(home, Wish(None, True, False, False, ("HTTPS_PROXY",)), ALICE, proxy, before)
    assert found["MINE_URL"].value == "http://127.0.0.1:8080/mine" and "HTTPS_PROXY" not in found

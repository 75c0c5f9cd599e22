"""A proxy that does not start. One that does: tests/e2e/test_run.py."""

from __future__ import annotations

import click
import pytest

from mitmvault.cli import ephemeral
from mitmvault.home import start
from mitmvault.home.layout import Home
from tests.serving import ADDONS


def test_a_proxy_that_does_not_start_says_why(tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("AI_JSON_CRYPTOKEN", "made-up-crypto-token")
    monkeypatch.setenv("PYTHONPATH", str(ADDONS))
    home = Home(tmp_path / "home")
    start.ensure(home, {"AI_JSON_CRYPTOKEN": "another", "USER": "alice"})
    with pytest.raises(click.ClickException, match="did not start"):
        with ephemeral.proxy(home, "mv-token"):
            pytest.fail("it runs")
    assert "crypto token" in capfd.readouterr().err

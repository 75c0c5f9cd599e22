"""Commands of the `:` bar."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mitmproxy import exceptions
from mitmproxy.test import taddons, tflow

from mitmvault.addons.commands import Commands
from mitmvault.home import case_files
from tests.test_gate import BEARER, flow_of, gate, passed


@pytest.fixture
def commands():
    with taddons.context(Commands()) as context:
        yield context.master.commands


def test_mitmweb_can_run_them_all(commands) -> None:
    ours = [name for name in commands.commands if name.startswith("mitmvault.")]
    assert ours and all(re.fullmatch("[a-z.]+", name) for name in ours)  # mitmproxy/tools/web/app.py
    assert all(commands.commands[name].help for name in ours)


def test_save_as_test(commands, tmp_path: Path) -> None:
    flow = passed(gate(), flow_of("/groq/v1/chat/completions", BEARER))
    told = commands.call("mitmvault.test.save", [flow], str(tmp_path / "x.yaml"))
    assert told == f"saved: {tmp_path / 'x.yaml'}" and case_files.load(tmp_path / "x.yaml").request.user == "alice"
    assert commands.call("mitmvault.test.save", [], str(tmp_path)) == "no flow was chosen"


@pytest.mark.parametrize(
    ("make", "name", "message"),
    [
        (lambda: passed(gate(), flow_of("/groq/v1/x", BEARER)), "there.yaml", "is there already"),
        (lambda: passed(gate(), flow_of("/groq/v1/x", BEARER)), "no/such/directory.yaml", "No such file"),
        (tflow.tflow, "x.yaml", "since its start"),
        (tflow.ttcpflow, "x.yaml", "HTTP flows"),
    ],
)
def test_why_it_is_not_saved(commands, tmp_path: Path, make, name: str, message: str) -> None:
    (tmp_path / "there.yaml").write_text("")
    with pytest.raises(exceptions.CommandError, match=message):
        commands.call("mitmvault.test.save", [make()], str(tmp_path / name))

"""`mitmvault init` at a terminal: what it asks, that keys are not echoed, and that giving up changes nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mitmvault.core.secret import Secret
from mitmvault.home import store
from mitmvault.home.layout import Home
from tests.serving import ADDONS
from tests.terminal import CTRL_C, CTRL_D, ENTER, Terminal

KEY, OTHER = "sk-made-up-key-000000000001", "gsk_made-up-key-000000000002"
ENVIRON = {"PYTHONPATH": str(ADDONS), "AI_JSON_CRYPTOKEN": "made-up-crypto-token", "OPENAI_API_KEY": KEY,
           "ANTHROPIC_API_KEY": "sk-ant-made-up-000000000001"}  # fmt: skip
USER, TAKE, TYPE, HIDDEN, SERVICE = "First user [tester]: ", " [Y/n]: ", "(Enter: none): ", "(not shown): ", " [y/N]: "


def init(cwd: Path, *arguments: str) -> Terminal:
    """A machine with systemd, as far as PATH tells."""
    systemctl = cwd / "bin" / "systemctl"
    systemctl.parent.mkdir(exist_ok=True)
    systemctl.write_text("#!/bin/sh\n")
    systemctl.chmod(0o755)
    environ = ENVIRON | {"PATH": f"{systemctl.parent}:/usr/bin:/bin"}
    return Terminal(sys.executable, "-m", "mitmvault", "init", *arguments, environ=environ, cwd=cwd)


def keys(cwd: Path) -> dict[str, list[str]]:
    found = store.load_vault_document(Home(cwd / ".mitmvault"), Secret(ENVIRON["AI_JSON_CRYPTOKEN"]))["providers"]
    return {name: [key["key"] for key in entry["keys"]] for name, entry in found.items() if name != "demo"}


def test_every_question(tmp_path):
    with init(tmp_path) as screen:
        screen.answers([(USER, "a b")]).asked("letter or digit").answers([(USER, "alice")])
        screen.asked("OPENAI_API_KEY is set").answers([(TAKE, "")])
        screen.asked("ANTHROPIC_API_KEY is set").answers([(TAKE, "n")])
        screen.answers([(TYPE, "groqq")]).asked("did you mean groq")
        screen.answers([(TYPE, "groq"), (HIDDEN, OTHER), (TYPE, "")])
        screen.answers([(SERVICE, "y")])
        assert screen.exit() == 0, screen.seen
    assert keys(tmp_path) == {"openai": [KEY], "groq": [OTHER]}
    ((name, entry),) = store.load_users_document(Home(tmp_path / ".mitmvault")).items()
    assert name == "alice" and screen.seen.count(entry["key"]) == 1
    assert KEY not in screen.seen and OTHER not in screen.seen
    assert "╭─ mitmvault" in screen.seen and "systemctl --user enable --now mitmvault" in screen.seen
    assert (tmp_path / ".config/systemd/user/mitmvault.service").exists()
    with init(tmp_path) as screen:  # now there is less to ask
        screen.asked("is there, and is completed").asked("ANTHROPIC_API_KEY is set").answers([(TAKE, "n"), (TYPE, "")])
        assert screen.exit() == 0 and "OPENAI" not in screen.seen and "First user" not in screen.seen
    assert entry["key"] not in screen.seen and keys(tmp_path) == {"openai": [KEY], "groq": [OTHER]}


def test_enter_is_always_right(tmp_path):
    with init(tmp_path) as screen:
        screen.answers([(USER, ""), (TAKE, ""), (TAKE, ""), (TYPE, ""), (SERVICE, "")])
        assert screen.exit() == 0, screen.seen
    assert list(keys(tmp_path)) == ["openai", "anthropic"] and not (tmp_path / ".config").exists()


def test_yes_asks_nothing(tmp_path):
    with init(tmp_path, "--yes") as screen:
        assert screen.exit() == 0, screen.seen
    assert keys(tmp_path) == {} and "[" not in screen.seen.partition("╭")[0]


@pytest.mark.parametrize("given_up", [CTRL_C, CTRL_D], ids=["Ctrl-C", "Ctrl-D"])
def test_giving_up_changes_nothing(tmp_path, given_up):
    with init(tmp_path, "--user", "alice") as screen:
        screen.answers([(TAKE, ""), (TAKE, ""), (TYPE, "groq")]).asked(HIDDEN).type(given_up)
        assert screen.exit() == 130, screen.seen
    assert "interrupted" in screen.seen and "Traceback" not in screen.seen
    assert not (tmp_path / ".mitmvault").exists()


def test_what_is_wrong_is_said_before_anything_is_asked(tmp_path):
    home = tmp_path / ".mitmvault"
    home.mkdir(0o700)
    (home / "ai.json.enc").write_text("garbage")
    with init(tmp_path) as screen:
        assert screen.exit() == 1
    assert screen.seen.startswith("mitmvault: ") and "?" not in screen.seen and ENTER not in screen.seen

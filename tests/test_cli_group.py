"""Expected errors are one sentence, unexpected ones stay what they are."""

import errno

import click
import pytest
from click.testing import CliRunner

from mitmvault.cli.group import LazyGroup
from mitmvault.cli.options import common_options
from mitmvault.core.configuration.users import UsersError
from mitmvault.core.configuration.vault import VaultError
from mitmvault.core.formats.openssl import SealError
from mitmvault.home.layout import HomeError

RAISES: list[BaseException] = []


@click.command()
@common_options
def fail() -> None:
    raise RAISES[-1]


@click.group(cls=LazyGroup, table={"fail": (f"{__name__}:fail", "Fails.")})
@common_options
def group() -> None: ...


@pytest.mark.parametrize(
    "error, line",
    [
        (HomeError("do this"), "mitmvault: do this\n"),
        (SealError("do that"), "mitmvault: do that\n"),
        (VaultError("a.b: wrong"), "mitmvault: the vault: a.b: wrong\n"),
        (UsersError("alice: wrong"), "mitmvault: users.json: alice: wrong\n"),
        (FileNotFoundError(2, "No such file", "/x"), "mitmvault: /x: No such file\n"),
        (OSError("odd"), "mitmvault: cannot go on: odd\n"),
    ],
)
@pytest.mark.parametrize("debug", [[], ["--debug", "fail"], ["fail", "--debug"]], ids=str)
def test_expected(error, line, debug):
    RAISES.append(error)
    result = CliRunner().invoke(group, debug or ["fail"])
    if debug:
        assert result.exception is error
    else:
        assert result.exit_code == 1 and result.stderr == line and result.stdout == ""


def test_red_in_a_terminal():
    RAISES.append(HomeError("do this"))
    assert CliRunner().invoke(group, ["fail"], color=True).stderr == "\x1b[31mmitmvault: do this\x1b[0m\n"


@pytest.mark.parametrize("error", [KeyError("x-secret"), ValueError("x-secret"), RuntimeError("x-secret")])
def test_unexpected_errors_show_no_traceback_and_no_text(error):
    """The text may quote what it must not; the place is enough to report."""
    RAISES.append(error)
    result = CliRunner().invoke(group, ["fail"])
    assert result.exit_code == 1 and result.stdout == "" and "secret" not in result.stderr
    place = f"{type(error).__name__} at test_cli_group.py:"
    assert place in result.stderr and "--debug" in result.stderr and result.stderr.count("\n") == 1
    assert CliRunner().invoke(group, ["--debug", "fail"]).exception is error


@pytest.mark.parametrize("error, code", [(click.ClickException("x"), 1), (click.exceptions.Exit(3), 3)])
def test_what_click_raises_stays_what_it_is(error, code):
    RAISES.append(error)
    result = CliRunner().invoke(group, ["fail"])
    assert result.exit_code == code and "report" not in result.stderr


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()], ids=repr)
def test_interrupted(error):
    RAISES.append(error)
    result = CliRunner().invoke(group, ["fail"])
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "\nmitmvault: interrupted\n")


def test_broken_pipe_is_quiet():
    RAISES.append(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    result = CliRunner().invoke(group, ["fail"])
    assert result.exit_code == 1 and result.stderr == ""


def test_usage_errors_are_clicks():
    assert CliRunner().invoke(group, ["fail", "--nonsense"]).exit_code == 2

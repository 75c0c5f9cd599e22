"""`--home` and `--debug`, before and after the command; the innermost wins."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mitmvault.cli.options import chosen, chosen_home, common_options


@click.group()
@common_options
def group() -> None: ...


@group.command()
@common_options
def show() -> None:
    click.echo(f"{chosen_home().path} {chosen().debug}")


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["show"], "/env False"),
        (["--home", "/a", "show"], "/a False"),
        (["show", "--home", "/b"], "/b False"),
        (["--home", "/a", "show", "--home", "/b"], "/b False"),
        (["--debug", "show"], "/env True"),
        (["show", "--debug"], "/env True"),
        (["--debug", "show", "--home=/b"], "/b True"),
    ],
)
def test_places(arguments, expected):
    result = CliRunner().invoke(group, arguments, env={"MITMVAULT_HOME": "/env"})
    assert result.output == f"{expected}\n"


def test_alone():
    result = CliRunner().invoke(show, ["--home", "x"])
    assert result.output == f"{Path.cwd() / 'x'} False\n"

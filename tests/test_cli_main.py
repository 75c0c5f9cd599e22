"""The command line as a whole: names, help, speed, one-sentence errors."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from mitmvault import __version__
from mitmvault.cli.main import COMMANDS, cli


def every_command(command: click.Command, context: click.Context, path: tuple[str, ...] = ()):
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None, name
            yield from every_command(inner, click.Context(inner, parent=context, info_name=name), (*path, name))


ALL = list(every_command(cli, click.Context(cli, info_name="mitmvault")))


@pytest.mark.parametrize("path, command", ALL, ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_every_help_has_an_example_and_the_common_options(path, command):
    text = CliRunner().invoke(cli, [*path, "--help"]).output
    assert "Example" in text and "--home DIR" in text and "--debug" in text


def test_help_lists_the_table_and_imports_nothing_heavy():
    code = (
        "import sys; from mitmvault.cli.main import cli\n"
        "try: cli(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'mitmproxy', 'cryptography', 'rich', 'msgspec', 'yaml', 'asyncio'} & set(sys.modules)\n"
        "print('heavy:', sorted(heavy))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "heavy: []" in output
    for name, (_, text) in COMMANDS.items():
        assert f"  {name}" in output and text in output


def test_version():
    assert CliRunner().invoke(cli, ["--version"]).output == f"mitmvault, version {__version__}\n"


def test_unknown_command():
    result = CliRunner().invoke(cli, ["nonsense"])
    assert result.exit_code == 2 and "No such command 'nonsense'" in result.output

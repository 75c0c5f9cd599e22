"""The docs are true: every command, option, route, setting, reason, variable and promise is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest
from mitmproxy.utils.emoji import emoji

from mitmvault.addons.commands import Commands
from mitmvault.addons.posture import KEPT
from mitmvault.cli.main import cli
from mitmvault.core.configuration import catalogue, environment, settings
from mitmvault.core.pages import vault_api
from mitmvault.core.refusal import REASONS
from mitmvault.core.story import MARKS
from mitmvault.local.pages import PAGES as ROUTES

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "addons" / "mitmvault"


def text(name: str) -> str:
    return (ROOT / name).read_text()


def rows(name: str) -> dict[str, list[str]]:
    """Table rows of a page, by the code in their first cell."""
    found = {}
    for line in text(name).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and (match := re.match(r"`([^`]+)`", cells[0])):
            found[match[1]] = cells
    return found


def commands(group: click.Command, path: str = "mitmvault") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group, info_name=path)
    if isinstance(group, click.Group):
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command
            yield from commands(command, f"{path} {name}")
    else:
        yield path, group


COMMANDS = dict(commands(cli))


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_is_documented_and_has_an_example(path: str) -> None:
    command = COMMANDS[path]
    assert path in rows("docs/commands.md")
    assert "Example" in (command.help or "")


def test_no_documented_command_is_missing() -> None:
    assert {name for name in rows("docs/commands.md") if name.startswith("mitmvault")} == set(COMMANDS)


def test_commands_of_the_command_line() -> None:
    names = {member.command_name for member in vars(Commands).values() if hasattr(member, "command_name")}
    documented = {name.split()[0] for name in rows("docs/inspection.md") if name.startswith("mitmvault.")}
    assert names and documented == names


def documented_options() -> set[tuple[str, str]]:
    """The rows of the second table: (command, option), where both cells may hold several."""
    found = set()
    for line in text("docs/commands.md").splitlines():
        options, _, rest = line.strip("| ").partition(" | ")
        if line.startswith("| `-"):
            of = rest.partition(" | ")[0].split(", ")
            found |= {(command, option) for command in of for option in re.findall(r"`(--?[a-z-]+)", options)}
    return found


def test_options() -> None:
    """Of every command; `--home` and `--debug` are told once, for all."""
    groups = {"mitmvault ca": cli.get_command(click.Context(cli), "ca")}  # which does something alone
    known = {
        (path.removeprefix("mitmvault "), option)
        for path, command in (COMMANDS | groups).items()
        for parameter in command.params if isinstance(parameter, click.Option)
        for option in parameter.opts if option not in ("--home", "--debug", "--help")
    }  # fmt: skip
    assert documented_options() == known


def test_reasons() -> None:
    documented = {reason: int(cells[1]) for reason, cells in rows("docs/errors.md").items()}
    assert documented == {reason: status for reason, (status, _) in REASONS.items()}


def test_every_reason_is_used() -> None:
    source = "".join(path.read_text() for path in PACKAGE.rglob("*.py") if path.name != "refusal.py")
    assert [reason for reason in REASONS if f'"{reason}"' not in source] == []


def test_marks() -> None:
    documented = re.findall(r"^\| (\S+) \| ", text("docs/inspection.md").partition("## The view")[0], re.M)
    assert documented[1:] == [emoji[mark] for mark in MARKS.values()]


def test_settings() -> None:
    documented = rows("docs/configuration.md")
    names = {field.name for field in fields(settings.Settings)}
    assert names <= set(documented)
    example = text("config/mitmvault.example.yaml")
    assert settings.load(example) != settings.Settings()
    assert all(re.search(rf"^(# )?{name}:", example, re.M) for name in names)


def test_kept_options_and_routes() -> None:
    page = text("docs/configuration.md")
    assert all(name in page for name, _, _ in KEPT)
    for route in ROUTES:
        path = route.path.replace("{provider}", "PROVIDER").replace("{model}", "ID")
        assert f"`{route.methods.partition(',')[0]} {path}`" in page, path
    vaults = {f"`{method} {path}`" for path, methods in vault_api.ROUTES.items() for method in methods}
    assert all(route in page for route in vaults if "HEAD" not in route)


def test_environment_variables() -> None:
    source = "".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    used = set(re.findall(r"environ(?:\.get\(|\[)\"([A-Z_]+)\"", source)) - {"HOME"}
    used |= set(re.findall(r'^VARIABLE = "([A-Z_]+)"', source, re.M)) | set(environment.NAMES)
    tables = rows("docs/configuration.md")
    told = [cells[0] for name, cells in tables.items() if re.fullmatch(r"[A-Z_]+", name)]
    assert used == set(re.findall(r"`([A-Z_]+)`", " ".join(told)))
    keys = {spec.id: spec.env for spec in catalogue.load(text("config/providers.yaml")).specs if spec.env}
    assert keys == {name: tuple(re.findall(r"`([A-Z_]+)`", tables[name][1])) for name in keys}


def test_the_providers_named_in_the_readme_are_the_catalogues() -> None:
    sentence = re.search(r"Providers out of the box: (.*?), and any other", text("README.md").replace("\n", " "))
    assert sentence
    known = catalogue.load(text("config/providers.yaml")).specs
    assert len(sentence[1].split(",")) == len([spec for spec in known if not spec.embedded])


@pytest.mark.parametrize("row", re.findall(r"^\| (P\d+) \|.*\| (.*) \|$", text("docs/security.md"), re.M))
def test_every_promise_has_its_attack(row: tuple[str, str]) -> None:
    promise, cell = row
    for name in re.findall(r"`([^`]+)`", cell):
        path = ROOT / "tests" / (name if "/" in name else f"attacks/{name}")
        assert path.exists() and promise in path.read_text(), f"{path} does not name {promise}"


PAGES = [path.relative_to(ROOT).as_posix() for path in (*sorted(ROOT.glob("docs/*.md")), ROOT / "README.md")]


@pytest.mark.parametrize("page", PAGES)
def test_links_and_files_exist(page: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", text(page)):
        assert link.startswith("http") or (ROOT / page).parent.joinpath(link).exists(), link
    for name in re.findall(r"`((?:core|addons|wire|home|local|cli)/[a-z_]+\.py)`", text(page)):
        assert (PACKAGE / name).exists() or (ROOT / name).exists(), name

"""Every module has a test file of its own: who changes the one knows where to look for the other."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "addons" / "mitmvault"
RINGS = ["core", "addons", "wire", "local", "home", "cli"]
MODULES = sorted(
    path.relative_to(PACKAGE) for ring in RINGS for path in (PACKAGE / ring).rglob("*.py") if path.stem != "__init__"
)

# Modules without a test file of their own, and where they are tested instead.
EXCUSED: dict[str, str] = {
    "cli/proxying.py": "runs a whole proxy: e2e/test_serve.py, test_cli_ephemeral.py",
    "home/resources.py": "differs only when installed: test_wheel.py",
    "local/endpoints.py": "driven over sockets: test_demo.py, test_provider.py",
    "local/exchange.py": "driven over sockets: test_demo.py, test_provider.py",
    "local/loopback.py": "driven over sockets: test_demo.py, test_provider.py",
}


def candidates(module: Path) -> list[str]:
    """The names that a test of the module may have. Commands share names with what they work on: vault, users."""
    ring, *packages, _ = module.parts
    names = [module.stem, f"{ring}_{module.stem}", *(packages if ring == "local" else ())]
    return [f"test_{name}.py" for name in names]


def is_tested(module: Path) -> bool:
    return any((TESTS / name).exists() for name in candidates(module))


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_module_has_a_test_file(module: Path) -> None:
    assert module.as_posix() in EXCUSED or is_tested(module), f"write tests/{candidates(module)[0]}"


@pytest.mark.parametrize("name", EXCUSED)
def test_excuse_is_still_needed(name: str) -> None:
    assert Path(name) in MODULES, "this module is gone"
    assert not is_tested(Path(name)), "this module has a test file now"

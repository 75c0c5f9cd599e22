"""The wheel holds everything, and works where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import mitmvault
from tests.serving import Program

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "addons" / "mitmvault"

pytestmark = pytest.mark.e2e


def run(*command: str | Path, cwd: Path) -> str:
    """Run without the variables by which pytest, the scripts or a developer would let a checkout shine through."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MITMVAULT"))}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a virtual environment that has the wheel. Its dependencies are borrowed from ours."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet"]
    run(*pip, wheel, cwd=folder)
    # A line in a .pth file adds our folder but does not read the .pth files in it, so not our editable mitmvault.
    [site] = folder.glob("lib/python*/site-packages")
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "borrowed.pth").write_text("".join(f"{path}\n" for path in borrowed))
    return folder / "bin"


def test_wheel_holds_every_file(wheel: Path) -> None:
    package = {f"mitmvault/{path.relative_to(PACKAGE).as_posix()}" for path in PACKAGE.rglob("*") if path.is_file()}
    config = {f"mitmvault/config/{path.name}" for path in (ROOT / "config").iterdir()}
    expected = {name for name in package if "__pycache__" not in name} | config | {"mitmvault/script/entry.py"}
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert "mitmvault/config/providers.yaml" in names and names == expected


def test_wheel_names_its_licence_and_its_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = f"mitmvault-{mitmvault.__version__}.dist-info"
        assert b"MIT License" in archive.read(f"{info}/licenses/LICENSE")
        assert b"mitmvault = mitmvault.cli.main:main" in archive.read(f"{info}/entry_points.txt")


def test_installed_command(installed: Path, tmp_path: Path) -> None:
    assert mitmvault.__version__ in run(installed / "mitmvault", "--version", cwd=tmp_path)


def test_installed_package_finds_its_own_files(installed: Path, tmp_path: Path) -> None:
    code = (
        "import mitmvault; from mitmvault.home import resources as r;"
        "print(mitmvault.__file__, r.config_file('providers.yaml'), r.entry_script(), sep='\\n')"
    )
    found = run(installed / "python", "-c", code, cwd=tmp_path).splitlines()
    assert len(found) == 3
    for path in found:
        assert Path(path).is_file() and Path(path).is_relative_to(installed.parent)


def test_installed_serve_from_any_directory(installed: Path, tmp_path: Path) -> None:
    """Catalogue, demo provider, entry script and all: the printed line gets a streamed answer."""
    home = tmp_path / "home"
    with Program(
        installed / "mitmvault", "serve", "--home", home, "--listen", "127.0.0.1:0", environ={}, cwd=tmp_path
    ) as it:
        line = it.wait_for(r"^curl .*$")[0]
        answer = run("sh", "-c", line, cwd=tmp_path)
        assert answer.count("data: ") > 10 and answer.endswith("data: [DONE]")
        assert it.end() == 0


def test_installed_entry_script_loads(installed: Path, tmp_path: Path) -> None:
    code = "import mitmvault.script.entry as entry; print(len(entry.addons))"
    assert int(run(installed / "python", "-c", code, cwd=tmp_path)) > 0

"""The files of a policy's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from mitmvault.core.records.case import Case, CaseError, Request
from mitmvault.home import case_files
from mitmvault.home.layout import HomeError

CASE = Case(Request("http://127.0.0.1:8080/health"), {"page": "/health"})


def test_found(tmp_path: Path) -> None:
    for name in ("b.yaml", "a/z.yml", "a/c.JSON", "a/.git/x.yaml", ".hidden.yaml", "note.txt", "d.yaml/inside.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    found = case_files.find([tmp_path, tmp_path / "note.txt", tmp_path / "b.yaml"])
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "a/c.JSON", "a/z.yml", "b.yaml", "d.yaml/inside.yaml", "note.txt"]  # fmt: skip


def test_nothing_found_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="no cases in"):
        case_files.find([tmp_path])
    with pytest.raises(HomeError, match="no such file"):
        case_files.find([tmp_path / "gone"])


@pytest.mark.parametrize("name", ["x.yaml", "x.json"])
def test_saved_once(tmp_path: Path, name: str) -> None:
    case_files.save(tmp_path / name, CASE)
    assert case_files.load(tmp_path / name) == CASE
    assert (tmp_path / name).read_text().startswith("{" if name == "x.json" else "request:")
    with pytest.raises(FileExistsError):
        case_files.save(tmp_path / name, CASE)


def test_updated(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("# why\n#  it is so\nabout: old\n# lost\n")
    path.chmod(0o640)
    case_files.update(path, CASE)
    assert path.read_text().startswith("# why\n#  it is so\nrequest:") and "lost" not in path.read_text()
    assert case_files.load(path) == CASE and path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["x.yaml"]


def test_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xff")
    with pytest.raises(CaseError, match="UTF-8"):
        case_files.load(tmp_path / "x.yaml")

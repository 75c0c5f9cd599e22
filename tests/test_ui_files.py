"""The dashboard's files: what there is, with which headers; nothing from elsewhere, no markup made of text."""

from __future__ import annotations

import re

import pytest

from mitmvault.core.pages.ui import SECURITY
from mitmvault.local.ui_files import FOLDER, TYPES, file, files

SCRIPTS = sorted(FOLDER.glob("*.js"))


def test_files():
    page = file("/ui/")
    assert page and page.body == (FOLDER / "index.html").read_bytes() and page == file("/ui/index.html")
    headers = dict(page.headers)
    assert headers["content-type"] == "text/html; charset=utf-8" and headers["content-length"] == str(len(page.body))
    assert all(pair in answer.headers for answer in files().values() for pair in SECURITY)
    assert {path.suffix for path in FOLDER.iterdir()} <= set(TYPES)


def test_without_the_slash():
    answer = file("/ui")
    assert answer and answer.status == 308 and ("location", "/ui/") in answer.headers


@pytest.mark.parametrize(
    "path", ["/ui/nothing.js", "/ui/../ui/app.js", "/ui//app.js", "/ui/app.js/", "/ui/%61pp.js", "/ui/api/"]
)
def test_no_file(path):
    assert file(path) is None


def test_everything_that_is_named_is_there():
    page = (FOLDER / "index.html").read_text()
    named = set(re.findall(r'(?:src|href)="([^"#]+)"', page))
    for script in SCRIPTS:
        named |= {name.removeprefix("./") for name in re.findall(r'from "([^"]+)"', script.read_text())}
    assert named and named <= {path.name for path in FOLDER.iterdir()}


def test_nothing_runs_in_the_page_itself():
    page = (FOLDER / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", page)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_make_no_markup_of_text(path):
    script = path.read_text()
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "srcdoc",
        "import(",
    ):
        assert word not in script, word
    assert "http" not in script.replace("http://www.w3.org/2000/svg", "")

"""The page of features is what its source says, and every test that it names is there."""

from __future__ import annotations

import ast

import pytest

from tests.reference.table import HERE, PAGE, features, page

ROOT = HERE.parent.parent
ROWS = [row for rows in features().values() for row in rows]


def test_the_page_is_made_from_its_source() -> None:
    assert PAGE.read_text("utf-8") == page(), "make it anew: python -m tests.reference.table"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["feature"])
def test_the_test_of_a_feature_exists(row: dict[str, str]) -> None:
    assert set(row) <= {"feature", "test", "differs"}
    assert row["test"] or row["differs"], "a feature without a test must say why"
    path, *names = row["test"].split("::")
    if path:
        body = ast.parse((ROOT / path).read_text("utf-8")).body
        for name in names:
            found = [node for node in body if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name]
            assert found, f"{path} has no {name}"
            body = found[0].body

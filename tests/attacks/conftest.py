"""Fixtures of the attacks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.tools import Evil


@pytest.fixture
def evil() -> Iterator[Evil]:
    with Evil() as host:
        yield host

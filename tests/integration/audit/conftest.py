"""The two kinds of places."""

from __future__ import annotations

import pytest

from tests.integration.audit.harness import MemoryPlace, Place, PostgresPlace


@pytest.fixture(params=["memory", "postgres"])
def place(request: pytest.FixtureRequest) -> Place:
    """Fresh, in memory and real."""
    return MemoryPlace() if request.param == "memory" else PostgresPlace(request.getfixturevalue("database"))

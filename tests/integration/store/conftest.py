"""The two kinds of stores, and one store for tests that need no more."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.service.ports import PaymentStore
from tests.conftest import Database
from tests.integration.store.harness import MemoryStand, PostgresStand, Stand


@pytest.fixture(params=["memory", "postgres"])
def where(request: pytest.FixtureRequest) -> Database | None:
    """A database; None for stores in memory."""
    return None if request.param == "memory" else request.getfixturevalue("database")


@pytest.fixture(params=["memory", "postgres"])
def stand(request: pytest.FixtureRequest) -> Stand:
    """A fresh database, in memory and real."""
    return MemoryStand() if request.param == "memory" else PostgresStand(request.getfixturevalue("database"))


@pytest.fixture
async def store(stand: Stand) -> AsyncIterator[PaymentStore]:
    """One store on it."""
    async with stand.open(1) as stores:
        yield stores[0]

"""A world for each test of the use cases."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.service.world import World, world


@pytest.fixture
async def earth() -> AsyncIterator[World]:
    """The real use cases on fakes."""
    async with world() as made:
        yield made

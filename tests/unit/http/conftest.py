"""One gateway a test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.http.world import World, open_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A gateway that serves on loopback."""
    async with open_world() as opened:
        yield opened

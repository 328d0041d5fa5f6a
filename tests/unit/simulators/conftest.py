"""A world for each test; whatever a test did, no money may have been made or lost."""

from collections.abc import Callable, Iterator

import pytest

from simulators.fednow.settings import FedNowSimulatorSettings
from tests.unit.simulators.world import World

MakeWorld = Callable[[FedNowSimulatorSettings], World]


@pytest.fixture
def make_world() -> Iterator[MakeWorld]:
    """Worlds with settings of the test's own."""
    worlds: list[World] = []

    def make(settings: FedNowSimulatorSettings) -> World:
        worlds.append(World(settings))
        return worlds[-1]

    yield make

    for world in worlds:
        assert world.rail.book.ledger.sum_cents == 0


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A world with the default settings."""
    return make_world(FedNowSimulatorSettings())

"""What is missing on the broker is made anew: not at once, not in a storm, and nothing that is there."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from adapters.amqp.connection import NoSuchQueueError
from adapters.rabbitmq.mending import FORGOTTEN_S, Mender
from adapters.rabbitmq.topology import TopologyMismatchError
from gateway.service.ports import UnavailableError
from tests.fakes.clock import VirtualClock
from tests.integration.bus.harness import Observed

OURS = ("a", "b")


class Broker:
    """Keeps what it is asked to make; the first fails with each of `faults`."""

    def __init__(self, *faults: Exception) -> None:
        self.made: list[list[str]] = []
        self._faults = list(faults)

    async def declare(self, names: Collection[str]) -> None:
        self.made.append(sorted(names))
        await asyncio.sleep(0)
        if self._faults:
            raise self._faults.pop(0)


class Scene:
    """A mender, its broker, and time that passes between misses."""

    def __init__(self, *faults: Exception) -> None:
        self.clock = VirtualClock()
        self.broker = Broker(*faults)
        self.observed = Observed()
        self.mender = Mender(OURS, self.broker.declare, self.clock, self.observed, missing_for_s=1.0)

    async def miss(self, *names: str, after_s: float = 0.0) -> list[list[str]]:
        """Find these missing, after so long; return all that was made until then."""
        self.clock.advance(after_s)
        with pytest.raises(NoSuchQueueError):
            async with self.mender.noticing():
                raise NoSuchQueueError(names)
        return self.broker.made


async def test_what_is_missing_is_made_once_it_has_been_missing_for_a_while() -> None:
    """RabbitMQ 3.10 swallows what it confirms on a queue that was deleted and declared again within milliseconds."""
    scene = Scene()

    assert await scene.miss("a") == []
    assert await scene.miss("a", after_s=0.9) == []
    assert await scene.miss("a", after_s=0.2) == [["a"]]


async def test_only_what_has_been_missing_for_long_enough_is_made() -> None:
    """Another queue may have been deleted a moment ago."""
    scene = Scene()

    await scene.miss("a")

    assert await scene.miss("a", "b", after_s=1.0) == [["a"]]
    assert await scene.miss("b", after_s=1.0) == [["a"], ["b"]]


async def test_however_many_miss_it_nothing_is_made_more_often_than_once_a_second() -> None:
    """A hundred payments find the same queue missing, and each is repeated."""
    scene = Scene()

    for _ in range(1_000):
        await scene.miss("a", after_s=0.01)

    assert 9 <= len(scene.broker.made) <= 10


async def test_who_misses_it_while_it_is_being_made_makes_nothing() -> None:
    """One declaration at a time."""
    scene = Scene()
    await scene.miss("a")
    scene.clock.advance(1.0)

    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(scene.miss("a"))

    assert scene.broker.made == [["a"]]


async def test_what_was_missed_long_ago_and_not_since_was_there_meanwhile() -> None:
    """Another process has made it; deleted once more, it has been missing for a moment only."""
    scene = Scene()
    await scene.miss("a")

    assert await scene.miss("a", after_s=FORGOTTEN_S + 0.1) == []
    assert await scene.miss("a", after_s=1.1) == [["a"]]


async def test_what_is_not_ours_is_never_made() -> None:
    """An installation with one rail has no queue of another's, and somebody may ask for it."""
    scene = Scene()

    await scene.miss("c")

    assert await scene.miss("c", after_s=2.0) == []


@pytest.mark.parametrize("fault", [UnavailableError("no broker"), TopologyMismatchError("other arguments")])
async def test_what_could_not_be_made_is_said_and_tried_again_a_while_later(fault: Exception) -> None:
    """Who missed it is told what it missed, and not that making it has failed."""
    scene = Scene(fault)
    await scene.miss("a")
    await scene.miss("a", after_s=1.0)

    assert scene.observed.faults == [("bus: topology", fault)]
    assert await scene.miss("a", after_s=0.5) == [["a"]]
    assert await scene.miss("a", after_s=1.0) == [["a"], ["a"]]

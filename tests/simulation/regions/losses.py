"""A region that is lost: all of its processes at one moment, its disk perhaps; and what it takes to have it back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from gateway.domain.payment import PaymentId, RegionId
from tests.simulation.regions.incidents import Fate, Loss
from tests.simulation.regions.reports import RailEventChange
from tests.simulation.regions.store import Change, Written

if TYPE_CHECKING:
    from tests.simulation.regions.world import RegionsWorld


class Losses:
    """Which regions of a world are lost at this moment, and what no disk has any more."""

    def __init__(self, world: RegionsWorld) -> None:
        self.lost: dict[RegionId, Loss] = {}
        self.gone: dict[PaymentId, float] = {}
        """Payments whose acceptance only a disk had that is gone, and when that went."""
        self._ids_gone: set[bytes] = set()
        """The ids of all that was received, accepted and said of which only that disk knew."""
        self._world = world
        self._found = asyncio.Event()

    def plan(self) -> None:
        """Have what is to be lost be lost in its time."""
        for loss in self._world.scenario.losses:
            self._world.later(loss.at_s, partial(self._lose, loss))

    async def until_found(self) -> None:
        """Return when a region is back."""
        await self._found.wait()

    def find(self, loss: Loss) -> None:
        """Have a region back: its disk with all that it had, or one that was filled from the peer's copy."""
        world, region = self._world, self._world.regions[loss.region]
        world.trace.tell("world", f"{loss.region} is back: {loss.fate}")
        world.happened[f"a region is lost: {loss.fate}"] += 1
        if loss.fate is Fate.RESTORED:
            region.restore()
        del self.lost[loss.region]
        for name in world.processes_of(loss.region):
            world.start(name)
        self._found.set()
        self._found = asyncio.Event()

    def names(self, body: bytes) -> bool:
        """Whether a message is about something of which only a disk knew that is gone."""
        return any(each in body for each in self._ids_gone)

    def _lose(self, loss: Loss) -> None:
        world = self._world
        world.trace.tell("world", loss.words)
        self.lost[loss.region] = loss
        region = world.regions[loss.region]
        tail = region.store.written[region.peer.store.applied_from_peer :]
        claimed = [each.payment_id for each in tail if isinstance(each, Change) and each.claim is not None]
        world.happened["payments accepted by a lost region, and not replicated"] += len(claimed)
        world.happened["transactions of a lost region that were not replicated"] += len(tail)
        if loss.fate is not Fate.LATE:
            self.gone |= {payment_id: world.loop.time() for payment_id in claimed if payment_id is not None}
            self._ids_gone |= {each.encode() for change in tail for each in self._ids_in(change)}
        if loss.fate is Fate.GONE:
            world.happened[f"a region is lost: {loss.fate}"] += 1
        for name in world.processes_of(loss.region):
            world.end(name)

    def _ids_in(self, change: Written) -> Iterator[str]:
        """Return by what the rail knows what a transaction wrote of, or kept for the peer."""
        if isinstance(change, RailEventChange):
            yield from [] if change.event.business_message_id is None else [change.event.business_message_id]
            return
        yield from (message.business_message_id for message in change.messages)
        fact = change.fact if isinstance(change, Change) else change.received
        if fact is not None:
            yield from (fact.message_id, fact.end_to_end_id)
        if isinstance(change, Change) and change.handed_over is not None:
            body = change.handed_over[1]
            yield from (each for each in self._world.rail.forwarding.records if each.encode() in body)

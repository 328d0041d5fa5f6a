"""The sealer: chains the digests of committed batches, and writes their heads down outside the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.domain.payment import RegionId
from gateway.service.ports import Anchor, AuditAnchor, AuditStore, Clock

PAUSE_S: Final = 1.0
"""Between two seals while there is little to seal: what is younger than this can still be rewritten unseen."""

EVENTS_MAX: Final = 10_000
"""Events of one seal, about: a transaction is never divided between two."""

ANCHORS_MAX: Final = 1_000
"""Heads that are written down at once when an anchor has to catch up."""


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals one region's history. Any number may run: the store lets one at a time through.

    `anchor` is None where nothing is written down outside: then who owns the database can still rewrite everything.
    """

    store: AuditStore
    anchor: AuditAnchor | None
    region: RegionId
    clock: Clock

    async def run(self) -> None:
        """Seal until cancelled."""
        while True:
            sealed = await self.seal_once()
            if sealed < EVENTS_MAX:
                await self.clock.pause(PAUSE_S)

    async def seal_once(self) -> int:
        """Seal one batch, write every head down that is not yet; return how many events were sealed.

        A process that dies in between leaves a seal that is not anchored: the next call, of any process, anchors it.

        Raises:
            HistoryBeganAnewError: the database was restored from a dump.
            UnavailableError: database or anchor do not answer; nothing is lost by that.

        """
        seal = await self.store.seal(at=self.clock.now(), events_max=EVENTS_MAX)
        if self.anchor is not None:
            await self._write_down(self.anchor)
        return 0 if seal is None else seal.events

    async def _write_down(self, anchor: AuditAnchor) -> None:
        newest = await anchor.newest(self.region)
        while seals := await self.store.seals_after(newest, limit=ANCHORS_MAX):
            await anchor.append([Anchor.of(seal) for seal in seals])
            newest = seals[-1].number

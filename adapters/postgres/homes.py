"""Which region owns which slot, by the copy of the map in this region's database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg

from adapters.postgres.statements import SLOTS, SLOTS_NAMED
from gateway.domain.payment import RegionId
from gateway.domain.regions import FIRST_EPOCH, SlotOwner
from gateway.service.ports import UnavailableError


class Homes:
    """The copy of the map, kept: an old one is found out by the statements, which do nothing under another epoch.

    Nobody is sent elsewhere by an old one: what it says of a slot that is not here is read again before that.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], *, region: RegionId) -> None:
        self._pool = pool
        self._region = region
        self._keep({})

    async def owners_of(self, slots: Sequence[int], *, anew: bool) -> Sequence[SlotOwner]:
        """Return the owner of each slot; `anew` reads the map first.

        Raises:
            UnavailableError: this region has no map.

        """
        if anew or not self._owners:
            rows = await self._pool.fetch(SLOTS)
            self._keep({slot: _owner(row) for slot, row in enumerate(rows)})
        elif away := {slot for slot in slots if self._owners[slot].region != self._region}:
            rows = await self._pool.fetch(SLOTS_NAMED, list(away))
            self._keep({**self._owners, **{row["slot"]: _owner(row) for row in rows}})
        if not self._owners:
            raise UnavailableError(f"region {self._region} has no map of slots: fifteen region init")
        return [self._owners[slot] for slot in slots]

    def _keep(self, owners: Mapping[int, SlotOwner]) -> None:
        self._owners = owners
        first = SlotOwner(self._region, FIRST_EPOCH)
        self.have_never_moved = bool(owners) and all(owner == first for owner in owners.values())
        """Whether every slot has been this region's from the start, as far as it was read: one that was taken over, or
        came back, has a higher epoch, and what another region has accepted lies here beside ours."""

    def epoch_of(self, slot: int) -> int:
        """Return the epoch of a slot whose owner was asked for."""
        return self._owners[slot].epoch

    def asked_from(self, slot: int) -> datetime | None:
        """Return from when on the rail is asked, where it is ours by a takeover; its owner was asked for."""
        return self._owners[slot].ask_after


def _owner(row: asyncpg.Record) -> SlotOwner:
    return SlotOwner(RegionId(row["region"]), row["epoch"], None, row["ask_after"])

"""A witness in memory: obeys the contract of `Witness`, and can be silenced."""

from __future__ import annotations

import asyncio

from gateway.service.ports import OvertakenError, UnavailableError, WitnessRecord


class InMemoryWitness:
    """Implements `gateway.service.ports.Witness`; each call gives the other tasks a turn, then acts at once.

    With `reachable` off everything raises; with `answers` off a write is done, and its answer lost.
    """

    def __init__(self) -> None:
        self.records: dict[str, WitnessRecord] = {}
        self.reachable = True
        self.answers = True

    async def read(self, name: str) -> WitnessRecord | None:
        """Return the record; see the port."""
        await self._reached()
        return self.records.get(name)

    async def write(self, name: str, text: str, *, expected: int | None) -> int:
        """Write the record if nobody else has; see the port."""
        await self._reached()
        record = self.records.get(name)
        if (None if record is None else record.version) != expected:
            raise OvertakenError(f"{name} does not have version {expected}")
        self.records[name] = WitnessRecord(text, (expected or 0) + 1)
        if not self.answers:
            raise UnavailableError("the witness did not answer")
        return self.records[name].version

    async def _reached(self) -> None:
        await asyncio.sleep(0)
        if not self.reachable:
            raise UnavailableError("the witness is not there")

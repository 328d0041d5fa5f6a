"""The witness in each process: what it sees broken at a port goes into a file at once, and outlives a kill."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from uuid import UUID

from gateway.cli.drill.plants import Plant

WITNESS_VARIABLE: Final = "DRILL_WITNESS"
"""Names the file."""

REMEMBERED_MAX: Final = 100_000
"""Deliveries and messages whose effect a process remembers; more than are ever in hand at once."""


class Witness:
    """Keeps what has had its effect, and writes down each acknowledgement of something that has not."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._effective: OrderedDict[str, None] = OrderedDict()

    @classmethod
    def from_environment(cls) -> Witness:
        """Return the witness that this process was started with."""
        return cls(Path(os.environ[WITNESS_VARIABLE]))

    def had_effect(self, things: Iterable[str]) -> None:
        """Remember that these have had their effect: a delivery was handled, a message of the rail is saved."""
        for thing in things:
            self._effective[thing] = None
        while len(self._effective) > REMEMBERED_MAX:
            self._effective.popitem(last=False)

    def acknowledged(self, things: Iterable[str]) -> None:
        """Write down what is acknowledged without having had its effect."""
        for thing in things:
            if thing not in self._effective:
                self.saw(Plant.ACK_BEFORE_COMMIT, f"{thing} was acknowledged before it had its effect")

    def published(self, deliveries: Iterable[UUID]) -> None:
        """Remember that the bus has confirmed these."""
        self.had_effect(map(_as_published, deliveries))

    def forgotten(self, deliveries: Iterable[UUID]) -> None:
        """Write down whose outbox row is deleted though the bus has not confirmed it."""
        for delivery_id in deliveries:
            if _as_published(delivery_id) not in self._effective:
                self.saw(Plant.OUTBOX, f"the outbox row of {delivery_id} is deleted, and the bus never had it")

    def saw(self, invariant: Plant, what: str) -> None:
        """Write down that the invariant of this plant is broken."""
        line = json.dumps({"invariant": invariant, "what": what, "process": os.getpid()}) + "\n"
        handle = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)


def _as_published(delivery_id: UUID) -> str:
    """Return what the witness calls a delivery that is on the bus: its id alone names one that was handled."""
    return f"published {delivery_id}"


def name_of(body: bytes) -> str:
    """Return what the witness calls a message of the rail: its header's id, or a number of its bytes."""
    start, end = body.find(_ID_OPENS), body.find(_ID_CLOSES)
    return body[start + len(_ID_OPENS) : end].decode() if 0 <= start < end else f"bytes {hash(body)}"


_ID_OPENS: Final = b"<BizMsgIdr>"
_ID_CLOSES: Final = b"</BizMsgIdr>"

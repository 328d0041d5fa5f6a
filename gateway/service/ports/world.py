"""Time and identifiers."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    """Business time. Libraries keep the loop's own time; tests may run this one virtually."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds that never step back; only differences mean something."""
        ...

    async def sleep_until(self, instant: datetime) -> None:
        """Return once `instant` has come; at once if it has passed."""
        ...

    async def pause(self, seconds: float) -> None:
        """Return once so many seconds have passed, to whatever the wall time is set meanwhile."""
        ...


class Identifiers(Protocol):
    """Identifiers that need not be derived from anything."""

    def new_uuid(self) -> UUID:
        """Return a fresh, time-ordered UUID (version 7)."""
        ...

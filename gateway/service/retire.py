"""Retention: a month of messages leaves the database when the archive has every one of them, and gives it back.

Nothing is believed that was written down before: the objects are read once more, whole, right before the month goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.service.ports import Month, MonthBusyError, Months
from gateway.service.verify_archive import ArchiveVerifier
from gateway.service.verify_audit import Violation


@dataclass(frozen=True, slots=True)
class Retired:
    """What became of a month: it is gone when nothing of it was left and nothing stood against it."""

    month: Month
    left: int
    """Messages that are in no object that was verified."""
    violations: Sequence[Violation] = ()
    busy: str | None = None
    """Why it could not be dropped at this moment."""

    @property
    def is_dropped(self) -> bool:
        """Whether it left the database."""
        return self.left == 0 and self.busy is None


async def retire(months: Months, verifier: ArchiveVerifier, *, before: datetime) -> Sequence[Retired]:
    """Drop the months that ended at `before` or earlier and are archived whole; the others stay, and are told.

    Killed in between, it leaves a month that is there or is gone; a repeat goes on.

    Raises:
        UnavailableError: database or archive do not answer.

    """
    return [await _retire(months, verifier, month) for month in await months.past(before)]


async def _retire(months: Months, verifier: ArchiveVerifier, month: Month) -> Retired:
    verdicts = {
        number: await verifier.verify_segment(await verifier.index.segment(month.region, number))
        for number in month.segments
    }
    verified = [number for number, verdict in verdicts.items() if verdict.is_sound]
    violations = [violation for verdict in verdicts.values() for violation in verdict.violations]
    try:
        left = await months.drop(month, verified=verified)
    except MonthBusyError as error:
        return Retired(month, 0, violations, busy=str(error))
    return Retired(month, left, violations)

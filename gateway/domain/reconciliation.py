"""Whether everything that the rail has settled to us has come here: totals first, then each message by its id.

The rail's totals are those of its cycle day, which rolls at about 7 p.m. US Eastern, every day (FedNow Operating
Procedures v2.1, October 2024). Ours are counted by when a transfer came; at the roll the two differ by what came before
it and settled after it: then the details decide, and they name no message that is not here. A day that is over is
looked at once more, by its details alone: what settled last is in no later total.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID, uuid5

from gateway.domain.receiving_time import ZONE

ROLLS_AT: Final = time(19)
"""When a cycle day ends, and the next one begins."""

_OWN: Final = UUID("5b0f6c0e-6d0b-4c6f-9a4e-0f6f3a1d2b77")
"""The space of names of what is derived here."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How many transfers have settled to an institution, and how much."""

    count: int
    cents: int


UNDER_WAY: Final = timedelta(minutes=10)
"""What came so lately, and has not settled here, may be on its way still."""

LOOKED_INTO_AGAIN: Final = timedelta(minutes=15)
"""A difference that stays is looked into again: the request or its answer may be lost, or something was under way."""

CLOSED_AFTER: Final = timedelta(minutes=30)
"""So long after the roll a cycle day is looked at as a whole: the rail has ended it, and nothing is under way here."""

CLOSED_DAYS: Final = 3
"""So many days back are looked at that nobody has looked at: a worker that starts looks at all of them."""


@dataclass(frozen=True, slots=True)
class Here:
    """What is known here of a message that the rail has settled: how much, whether it has settled, since when."""

    cents: int
    has_settled: bool
    received_at: datetime

    def is_of(self, cents: int) -> bool:
        """Whether the money is here: settled, and as much as the rail says."""
        return self.has_settled and self.cents == cents

    def is_under_way(self, cents: int, now: datetime) -> bool:
        """Whether it may be here in a moment."""
        return not self.has_settled and self.cents == cents and now - self.received_at < UNDER_WAY


@dataclass(frozen=True, slots=True)
class Totals:
    """What the rail says it has settled to an institution on the cycle day under way, at that moment."""

    institution: str
    arrivals: Arrivals
    at: datetime


@dataclass(frozen=True, slots=True)
class Details:
    """The ids of the messages that the rail has settled to an institution, with what each brought.

    ``is_last`` says that no other page follows.
    """

    institution: str
    credited: tuple[tuple[str, int], ...]
    is_last: bool = True


def cycle_day(instant: datetime) -> date:
    """Return the rail's cycle day."""
    local = instant.astimezone(ZONE)
    return local.date() + timedelta(days=local.time() >= ROLLS_AT)


def cycle_begins(day: date) -> datetime:
    """Return when a cycle day begins: on the evening before."""
    return datetime.combine(day - timedelta(days=1), ROLLS_AT, tzinfo=ZONE).astimezone(UTC)


def closed_days(now: datetime) -> Sequence[date]:
    """Return the cycle days that are over, and to be looked at as a whole; the newest first."""
    under_way = cycle_day(now - CLOSED_AFTER)
    return [under_way - timedelta(days=back) for back in range(1, CLOSED_DAYS + 1)]


def totals_request_id(region: str, rail: str, institution: str, *, turn: int) -> UUID:
    """Return the id of an institution's request for totals in a turn: several workers of a region ask once."""
    return uuid5(_OWN, f"totals:{region}:{rail}:{institution}:{turn}")


def details_request_id(
    region: str, rail: str, institution: str, *, at: datetime, theirs: Arrivals, ours: Arrivals
) -> UUID:
    """Return the id of the request for details on a difference: one is looked into once in a quarter of an hour."""
    sums = f"{theirs.count}:{theirs.cents}:{ours.count}:{ours.cents}"
    quarter = int(at.timestamp() // LOOKED_INTO_AGAIN.total_seconds())
    return uuid5(_OWN, f"details:{region}:{rail}:{institution}:{cycle_day(at)}:{quarter}:{sums}")


def closed_day_request_id(region: str, rail: str, institution: str, day: date, *, at: datetime) -> UUID:
    """Return the id of the request for the details of a day that is over: until they have come, once in an hour."""
    hour = int(at.timestamp() // timedelta(hours=1).total_seconds())
    return uuid5(_OWN, f"closed day:{region}:{rail}:{institution}:{day}:{hour}")


def missing_id(rail: str, message_id: str) -> UUID:
    """Return the id of the fact that a message is missing: found twice, it is one."""
    return uuid5(_OWN, f"missing:{rail}:{message_id}")


def lost_days(since: datetime, until: datetime) -> Sequence[date]:
    """Return the cycle days on which a region may have been lost, the newest first; no more than are asked about."""
    last = cycle_day(until)
    back = min((last - cycle_day(since)).days, CLOSED_DAYS)
    return [last - timedelta(days=each) for each in range(back + 1)]


def lost_day_request_id(region: str, rail: str, institution: str, day: date, *, asked_from: datetime) -> UUID:
    """Return the id of what is asked about a day on which a region was lost: whichever worker asks, once a takeover."""
    return uuid5(_OWN, f"lost day:{region}:{rail}:{institution}:{day}:{asked_from.isoformat()}")


def closing_id(rail: str, message_id: str) -> UUID:
    """Return the id of the fact that nobody has to look at a missing message any more: of two people, one closes it."""
    return uuid5(_OWN, f"closed:{rail}:{message_id}")

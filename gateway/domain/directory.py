"""A rail's participant directory: who takes part, in what, and whether what was heard of it is fresh.

FedNow sends its participant file (admi.998) to every connection party within ten minutes of the roll of the cycle day.
It lists who receives customer credit transfers, and who sends them too; not who takes part for liquidity transfers or
settlement alone. Nor does it say who is signed on: of a sign-off, which a suspension brings, the rail tells in a
broadcast (FedNow Operating Procedures v2.1, October 2024).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from gateway.domain.reconciliation import cycle_begins, cycle_day
from iso20022.messages.admi998 import ParticipantFile, ParticipantService

SENT_WITHIN: Final = timedelta(minutes=10)
"""So long after the roll of its day the file may come."""


class Need(StrEnum):
    """What somebody must be able to do on the rail."""

    SEND = "send"
    """Send customer credit transfers."""

    RECEIVE = "receive"
    """Receive them."""

    BE_ASKED = "be_asked"
    """Receive requests for payment."""


class Gap(StrEnum):
    """Why the rail would refuse."""

    NOT_LISTED = "not_listed"
    """The directory does not list it: no participant, or one for liquidity transfers or settlement alone."""

    NO_SERVICE = "no_service"
    """The directory lists it without the service."""

    SIGNED_OFF = "signed_off"
    """It is listed, and the rail has told since that it is signed off, or suspended."""


_SERVICES_FOR: Final[Mapping[Need, frozenset[ParticipantService]]] = {
    Need.SEND: frozenset({ParticipantService.CTSR}),
    Need.RECEIVE: frozenset({ParticipantService.CTSR, ParticipantService.CTRO}),
    Need.BE_ASKED: frozenset({ParticipantService.RFPR}),
}
"""One of these services must be listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The newest participant file, by routing number; ``event_id`` names the message that brought it."""

    event_id: UUID
    business_day: date
    heard_at: datetime
    services: Mapping[str, frozenset[ParticipantService]]

    def gap(self, institution: str, need: Need) -> Gap | None:
        """Return why the rail would refuse, by the file alone; None where it would not."""
        services = self.services.get(institution)
        if services is None:
            return Gap.NOT_LISTED
        return Gap.NO_SERVICE if services.isdisjoint(_SERVICES_FOR[need]) else None

    def is_fresh(self, now: datetime) -> bool:
        """Whether it is the cycle day's own file, or was heard since the day began; the day before's counts till due.

        Either will do: which day the rail writes on it is not public, and our clock may differ from the rail's. But a
        day far ahead of when it was heard is a mistake, and makes it no newer than tomorrow's.
        """
        due = cycle_day(now - SENT_WITHIN)
        return min(self.business_day, latest_day(self.heard_at)) >= due or self.heard_at >= cycle_begins(due)


def latest_day(heard_at: datetime) -> date:
    """Return the latest business day that a file heard then can be of: the rail's clock may be ahead of ours."""
    return cycle_day(heard_at) + timedelta(days=1)


def directory_of(file: ParticipantFile, *, event_id: UUID, heard_at: datetime) -> Directory:
    """Return the directory that a participant file is."""
    return Directory(
        event_id=event_id,
        business_day=file.business_day,
        heard_at=heard_at,
        services={str(each.routing_number): frozenset(each.services) for each in file.participants},
    )

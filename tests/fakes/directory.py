"""A participant directory over the rail's events in memory, and the files that it reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final
from uuid import uuid4

from gateway.domain.payment import Rail
from gateway.domain.rail_operations import RailEvent, RailEventKind
from gateway.service.directory import DirectoryObserver, DirectoryReasons, DirectoryUse, ParticipantDirectory
from gateway.service.fednow_operations import CODES
from gateway.service.ports import Clock
from iso20022 import (
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    EnvelopeKind,
    FedNowProfile,
    RoutingNumber,
    header,
    wrap,
)
from iso20022.messages import admi998
from iso20022.messages.admi998 import Participant, ParticipantFile, ParticipantService
from tests.fakes.rail_operations import InMemoryRailEvents

REASONS: Final = DirectoryReasons(sender="E980", receiver="E981", signed_off="AB08", stale="AB11")


def directory_over(
    events: InMemoryRailEvents, clock: Clock, observer: DirectoryObserver, *, use: DirectoryUse = DirectoryUse.FRESH
) -> ParticipantDirectory:
    """A directory that has heard nothing yet."""
    return ParticipantDirectory(
        rail=Rail.FEDNOW, store=events, codes=CODES, clock=clock, observer=observer, use=use, reasons=REASONS
    )


def file_of(day: date, services: Mapping[str, str], *, at: datetime) -> bytes:
    """The rail's participant file: services by routing number, as words."""
    file = ParticipantFile(
        business_day=day,
        participants=tuple(
            Participant(
                routing_number=RoutingNumber(number),
                name=f"Sample Bank {number}",
                services=tuple(map(ParticipantService, words.split())),
            )
            for number, words in services.items()
        ),
    )
    outgoing = BusinessHeader(
        sender=FedNowProfile().fednow_id,
        receiver=ConnectionPartyId("990000107"),
        business_message_id=BusinessMessageId(f"FILE{uuid4().hex[:20]}"),
        message_type=admi998.MESSAGE_TYPE,
        market_practice=FedNowProfile().market_practice,
        creation_time=at,
    )
    return wrap(EnvelopeKind.FEDNOW_OUTGOING, header.build(outgoing), admi998.build(file))


def heard(
    events: InMemoryRailEvents, day: date, services: Mapping[str, str], *, at: datetime, body: bytes | None = None
) -> RailEvent:
    """Have a participant file heard at this moment."""
    event = RailEvent(
        event_id=uuid4(),
        rail=Rail.FEDNOW,
        kind=RailEventKind.DIRECTORY,
        code="FPFL",
        description=f"{day}",
        business_message_id=f"FILE-{len(events.kept)}",
        at=at,
    )
    events.kept[event.event_id] = event
    events.bodies[event.event_id] = body or file_of(day, services, at=at)
    return event


def told(events: InMemoryRailEvents, code: str, *subjects: str, at: datetime) -> None:
    """Have the rail tell that somebody signed on, or off, at this moment."""
    event = RailEvent(
        event_id=uuid4(),
        rail=Rail.FEDNOW,
        kind=RailEventKind.BROADCAST,
        code=code,
        subjects=subjects,
        event_time=at,
        at=at,
    )
    events.kept[event.event_id] = event

"""A payment's history, and the fold that makes its current state of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, TypeVar

from gateway.domain.events import Event, EventKind
from gateway.domain.payment import Payment, PaymentState, Reason
from gateway.domain.request import NO_REQUEST, Request
from gateway.domain.return_request import request_of
from gateway.domain.transitions import TRANSITIONS, Effect, tells


def counts_transfer(kind: EventKind) -> bool:
    """Whether with this event a copy of the transfer may have left."""
    return kind in {EventKind.SENDING_STARTED, EventKind.TRANSFER_REPEATED}


def came_back(event: Event) -> int:
    """Return how many cents of a payment have come back by this event."""
    is_return = event.kind in {EventKind.PART_RETURNED, EventKind.RETURNED}
    return int(event.details["amount_cents"]) if is_return else 0


def _may_follow_a_copy(kind: EventKind) -> bool:
    """Whether a copy may have left before this event that an earlier question was not about."""
    return counts_transfer(kind) or kind is EventKind.TAKEN_OVER


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event as the history keeps it: `sequence` counts a payment's events from 1, `epoch` says under whose rule.

    `contradiction`: it says what cannot be, given what was certain, so that a person must look.
    """

    sequence: int
    event: Event
    state_before: PaymentState | None
    state_after: PaymentState
    at: datetime
    region: str
    epoch: int
    contradiction: bool = False


SEEN_TO_BY: Final = frozenset({EventKind.OPERATOR_RECORDED_SETTLEMENT, EventKind.OPERATOR_RECORDED_REJECTION})
"""With these a person records what is so: whatever contradicted it before was seen to."""


def standing_contradiction(events: Sequence[RecordedEvent]) -> RecordedEvent | None:
    """Return what was said last against what is certain, where no person has recorded since what is so.

    Of all that was written, by epoch and sequence: what a lost region has heard was said all the same.
    """
    found: RecordedEvent | None = None
    for recorded in sorted(events, key=lambda recorded: (recorded.epoch, recorded.sequence)):
        if recorded.contradiction:
            found = recorded
        elif recorded.event.kind in SEEN_TO_BY:
            found = None
    return found


def has_no_contradiction(payment: Payment) -> bool:
    """Whether its history is too short for one: it was accepted, sent, and ended as what is sent may end.

    So the history of nearly every payment that is shown need not be looked at.
    """
    return payment.version == 1 or (payment.version == 3 and payment.transfers > 0 and payment.state.is_final)


def standing_hold(events: Sequence[RecordedEvent]) -> Event | None:
    """Return the event that holds a payment which no person has released since, whatever else has befallen it.

    What holds it stands through a takeover: another region may find otherwise, and is not asked.
    """
    holding: Event | None = None
    for recorded in events:
        if recorded.event.kind is EventKind.SCREENING_HELD:
            holding = recorded.event
        elif recorded.event.kind is EventKind.HOLD_RELEASED:
            holding = None
    return holding


def is_about_last_copy(events: Sequence[RecordedEvent], question_id: str | None) -> bool:
    """Whether a question was put after the last copy of the transfer had left, so that its answer counts for that one.

    By the order in which both were saved, and by no clock. False where it is no question of this payment's.
    """
    last = max((recorded.sequence for recorded in events if _may_follow_a_copy(recorded.event.kind)), default=0)
    return any(
        recorded.sequence > last
        and recorded.event.kind is EventKind.STATUS_REQUESTED
        and recorded.event.business_message_id == question_id
        for recorded in events
    )


@dataclass(frozen=True, slots=True)
class Projection:
    """What the events make of a payment: the columns of the projection that anyone may build anew."""

    state: PaymentState
    version: int
    epoch: int
    updated_at: datetime
    creation_time: datetime | None = None
    status: str | None = None
    reason: Reason | None = None
    transfers: int = 0
    status_requests: int = 0
    pings: int = 0
    final_at: datetime | None = None
    returned_cents: int = 0
    request: Request = NO_REQUEST


def fold(events: Sequence[RecordedEvent]) -> Projection:
    """Return the state that the events make, whichever regions wrote them and in whatever order they came.

    The highest epoch wins: what a region still wrote after its payment had been taken over (the same or a later
    sequence under a lower epoch) does not count.

    Raises:
        ValueError: there are no events: there is no payment; or two regions have written the same event of it under
            one epoch, of which none is to be believed before a person has looked.

    """
    first, *later = events_that_count(events)
    projection = Projection(first.state_after, first.sequence, first.epoch, first.at)
    for recorded in later:
        projection = _followed_by(projection, recorded)
    return projection


class Recorded(Protocol):
    """An event of whatever history, as far as it is told which of them count."""

    @property
    def sequence(self) -> int:
        """Its number in the history."""
        ...

    @property
    def epoch(self) -> int:
        """Under whose rule it was written."""
        ...

    @property
    def region(self) -> str:
        """Who wrote it."""
        ...


AnyRecorded = TypeVar("AnyRecorded", bound=Recorded)


def events_that_count(events: Sequence[AnyRecorded]) -> Sequence[AnyRecorded]:
    """Return the events that make the present state, in their order; raises as `fold`."""
    if not events:
        raise ValueError("a payment has at least the event that made it")
    writers = {(recorded.epoch, recorded.sequence): recorded.region for recorded in events}
    for recorded in events:
        other = writers[recorded.epoch, recorded.sequence]
        if other != recorded.region:
            text = (
                f"event {recorded.sequence} of epoch {recorded.epoch} was written by {recorded.region} and by {other}"
            )
            raise ValueError(text)
    first, *later = sorted(events, key=lambda recorded: (recorded.sequence, -recorded.epoch))
    standing = [first]
    for recorded in later:
        if recorded.epoch >= standing[-1].epoch and recorded.sequence > standing[-1].sequence:
            standing.append(recorded)
    return standing


def _followed_by(projection: Projection, recorded: RecordedEvent) -> Projection:
    event = recorded.event
    transition = TRANSITIONS[projection.state, event.kind]
    told = tells(projection.state, event, transition)
    return Projection(
        state=recorded.state_after,
        version=recorded.sequence,
        epoch=recorded.epoch,
        updated_at=recorded.at,
        creation_time=recorded.at if event.kind is EventKind.SENDING_STARTED else projection.creation_time,
        status=event.status if told and event.status else projection.status,
        reason=event.reason if told else projection.reason,
        final_at=projection.final_at or (recorded.at if recorded.state_after.is_final else None),
        transfers=projection.transfers + counts_transfer(event.kind),
        status_requests=projection.status_requests + (event.kind is EventKind.STATUS_REQUESTED),
        pings=projection.pings + (event.kind is EventKind.PINGED),
        returned_cents=projection.returned_cents
        + (0 if Effect.REPORT_CONTRADICTION in transition.effects else came_back(event)),
        request=request_of(projection.request, event, at=recorded.at),
    )

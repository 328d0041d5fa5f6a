"""What somebody here must do, and by when: one order over payments, transfers and conversations. Pure.

Not what the gateway does by itself, nor what others are to answer: what waits for a person, or for the institution.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never
from uuid import UUID

from gateway.domain.conversation import WITHDRAWING, Conversation, ConversationKind, Side
from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import TO_BE_DECIDED, IncomingTransfer
from gateway.domain.payment import Payment, PaymentState
from gateway.domain.receiving_time import arrivals_due_after, posting_due
from gateway.domain.request import RequestState


class DueKind(StrEnum):
    """What is to be done."""

    HELD_PAYMENT = "held_payment"
    """Screening holds a payment: a person releases or rejects it, or it is rejected."""

    PAYMENT_IN_DOUBT = "payment_in_doubt"
    """The rail could not tell what became of a payment, or contradicts itself: a person finds out."""

    POSTING = "posting"
    """Money has arrived, posted or not known to be: the institution posts, blocks or refuses it."""

    RETURN = "return"
    """Money is owed back."""

    TRANSFER_IN_DOUBT = "transfer_in_doubt"
    """It is not certain whether money has arrived, or something contradicts what is: a person finds out."""

    RETURN_REQUEST = "return_request"
    """We are asked for the return of a transfer (camt.056): answered, or answered for good where it waits."""

    REQUEST_FOR_PAYMENT = "request_for_payment"
    """We are asked for a payment (pain.013): answered, or paid where it was accepted."""

    WITHDRAWAL = "withdrawal"
    """A request for payment to us is taken back (camt.055, on RTP camt.056): answered."""

    INFORMATION_REQUEST = "information_request"
    """We are asked about a payment (camt.026): answered, or answered for good where it waits."""

    CONVERSATION_IN_DOUBT = "conversation_in_doubt"
    """What was said in a conversation contradicts itself: a person looks, and says what was found."""


class Source(StrEnum):
    """What a due thing is of. One thing is due once in each."""

    PAYMENT = "payment"
    TRANSFER = "transfer"
    RETURN_REQUEST = "return_request"
    CONVERSATION = "conversation"


_SOURCES: Final = {
    DueKind.HELD_PAYMENT: Source.PAYMENT,
    DueKind.PAYMENT_IN_DOUBT: Source.PAYMENT,
    DueKind.POSTING: Source.TRANSFER,
    DueKind.RETURN: Source.TRANSFER,
    DueKind.TRANSFER_IN_DOUBT: Source.TRANSFER,
    DueKind.RETURN_REQUEST: Source.RETURN_REQUEST,
    DueKind.REQUEST_FOR_PAYMENT: Source.CONVERSATION,
    DueKind.WITHDRAWAL: Source.CONVERSATION,
    DueKind.INFORMATION_REQUEST: Source.CONVERSATION,
    DueKind.CONVERSATION_IN_DOUBT: Source.CONVERSATION,
}

NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""Where what has no deadline stands in the order: last."""

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_ID: Final = UUID(int=0)
_LAST_ID: Final = UUID(int=2**128 - 1)
_RANKS: Final = {source: rank for rank, source in enumerate(Source)}

TO_BE_ANSWERED: Final = (RequestState.RECEIVED, RequestState.PENDING)
"""Where a request for a return waits for our answer; one that is agreed to waits for money alone."""

DueSubject = Payment | IncomingTransfer | Conversation


@dataclass(frozen=True, slots=True)
class DuePlace:
    """A place in the order: by what expires first; of one deadline by source, then what began first, then by id.

    A list goes on after the place of its last entry, whatever was done meanwhile: nothing that has not changed is shown
    twice, or left out.
    """

    by: datetime
    source: Source
    began_at: datetime
    subject_id: UUID

    @property
    def order(self) -> tuple[datetime, int, datetime, UUID]:
        """What places are compared by."""
        return self.by, _RANKS[self.source], self.began_at, self.subject_id

    def within(self, source: Source) -> DuePlace:
        """Return the last place of this source, real or not, that does not come after this one."""
        rank, own = _RANKS[source], _RANKS[self.source]
        if rank == own:
            return self
        if rank < own:
            return DuePlace(self.by, source, NEVER, _LAST_ID)
        return DuePlace(self.by, source, _BEGINNING, _FIRST_ID)


START: Final = DuePlace(_BEGINNING, Source.PAYMENT, _BEGINNING, _FIRST_ID)
"""Before everything."""


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that is due: of what, and since when it waits as it does, where that is known."""

    kind: DueKind
    subject: DueSubject
    since: datetime | None = None

    @property
    def by(self) -> datetime | None:
        """By when; None where no rule names a time, or its clock runs in the other region."""
        subject = self.subject
        if isinstance(subject, Payment):
            return subject.next_step_at if self.kind is DueKind.HELD_PAYMENT else subject.deadline_at
        if isinstance(subject, IncomingTransfer):
            is_asked = self.kind is DueKind.RETURN_REQUEST
            return subject.request.due_at if is_asked else posting_due(subject.forwarded_at)
        return None if self.kind is DueKind.CONVERSATION_IN_DOUBT else subject.due_at

    @property
    def subject_id(self) -> UUID:
        """The id of the payment, the transfer or the conversation."""
        subject = self.subject
        return subject.conversation_id if isinstance(subject, Conversation) else subject.payment_id

    @property
    def place(self) -> DuePlace:
        """Where it stands in the order."""
        return DuePlace(self.by or NEVER, source_of(self.kind), began_at(self.subject), self.subject_id)


def source_of(kind: DueKind) -> Source:
    """Return what a kind of due thing is of."""
    return _SOURCES[kind]


def began_at(subject: DueSubject) -> datetime:
    """Return when it was accepted, forwarded by the rail, or opened: no later event moves that."""
    match subject:
        case Payment():
            return subject.accepted_at
        case IncomingTransfer():
            return subject.forwarded_at
        case Conversation():
            return subject.opened_at
        case _:
            assert_never(subject)


def due_of(subject: DueSubject, *, is_contradicted: bool = False) -> Iterator[Due]:
    """Yield what is due of it; of a payment `is_contradicted` says whether something contradicts what is certain."""
    match subject:
        case Payment():
            if subject.state is PaymentState.HELD:
                yield Due(DueKind.HELD_PAYMENT, subject)
            elif is_contradicted or subject.state is PaymentState.AWAITING_OPERATOR:
                yield Due(DueKind.PAYMENT_IN_DOUBT, subject)
        case IncomingTransfer():
            yield from _due_of_transfer(subject)
        case Conversation():
            yield from _due_of_conversation(subject)
        case _:
            assert_never(subject)


def _due_of_transfer(transfer: IncomingTransfer) -> Iterator[Due]:
    if transfer.request.state in TO_BE_ANSWERED and transfer.request.due_at is not None:
        yield Due(DueKind.RETURN_REQUEST, transfer)
    if transfer.state in TO_BE_DECIDED:
        yield Due(DueKind.RETURN if transfer.state is IncomingState.RETURN_DUE else DueKind.POSTING, transfer)
    elif transfer.state is IncomingState.AWAITING_OPERATOR or transfer.shown_attention is not None:
        yield Due(DueKind.TRANSFER_IN_DOUBT, transfer)


def _due_of_conversation(conversation: Conversation) -> Iterator[Due]:
    if conversation.side is Side.THEM and conversation.due_at is not None:
        if conversation.state in WITHDRAWING:
            yield Due(DueKind.WITHDRAWAL, conversation)
        elif conversation.kind is ConversationKind.REQUEST_FOR_PAYMENT:
            yield Due(DueKind.REQUEST_FOR_PAYMENT, conversation)
        elif conversation.kind is ConversationKind.INFORMATION_REQUEST:
            yield Due(DueKind.INFORMATION_REQUEST, conversation)
    elif conversation.needs_attention:
        yield Due(DueKind.CONVERSATION_IN_DOUBT, conversation)


def in_order(found: Collection[Due], *, after: DuePlace, limit: int) -> list[Due]:
    """Return what comes after a place, in order, as many as `limit`."""
    beyond = [each for each in found if each.place.order > after.order]
    return sorted(beyond, key=lambda each: each.place.order)[:limit]


def arrivals_after(place: DuePlace) -> tuple[datetime, datetime]:
    """Return from when on what the rail has brought is due no sooner than a place's deadline, and from when on later.

    A deadline of transfers is that of their whole day, and no later one is another's that came before: so a store that
    keeps no deadlines finds what comes after a place by when it was brought.
    """
    return arrivals_due_after(place.by - timedelta(microseconds=1)), arrivals_due_after(place.by)

"""Replay: history is run again from its raw messages, into a fresh database, and must come out the same.

What came in as bytes is read and judged anew: the client's message by the intake, the rail's by its protocol. What went
out is built anew, and must be the bytes that left. What our own clock, a person or the core decided is no message: it
is taken from the record, and the state table is asked again what follows from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from gateway.domain.doubt import is_of_one_copy, may_be_out_of_place
from gateway.domain.events import Event, EventKind
from gateway.domain.history import RecordedEvent
from gateway.domain.payment import Payment, PaymentId, Rail
from gateway.domain.posting_question import may_be_of_question, unguessed
from gateway.domain.return_request import CASE_ID
from gateway.domain.settlement import settlement_date_with
from gateway.service.admission import Admission
from gateway.service.decide import Decisions, decide
from gateway.service.dialect import readable_document_in
from gateway.service.group_commit import GroupCommit
from gateway.service.incoming.give_back import kept_return
from gateway.service.incoming.rail import ReceivingRail
from gateway.service.liquidity import LiquidityRequest
from gateway.service.ports import (
    Accepted,
    AcceptKind,
    Clock,
    Decision,
    IncomingHistory,
    MessageDirection,
    NewPayment,
    Observer,
    PaymentHistory,
    RawMessage,
    Vault,
)
from gateway.service.posting_questions import transfer_sent
from gateway.service.rail_protocol import OutboundMessage, RailProtocol, placed_by
from gateway.service.requests import PaymentRequest
from gateway.service.submit import JSON_TYPE, Intake, Refused
from iso20022.messages import pacs008

_SENT: Final = frozenset(
    {
        EventKind.SENDING_STARTED,
        EventKind.STATUS_REQUESTED,
        EventKind.TRANSFER_REPEATED,
        EventKind.PINGED,
        EventKind.RETURN_ASKED,
        EventKind.POSTING_ASKED,
    }
)
"""The events with which a message of ours left."""

_MEANINGS: Final = {
    EventKind.NOT_FOUND_REPORTED: frozenset(
        {
            EventKind.NOT_FOUND_REPORTED,
            EventKind.RESENDING_CHOSEN,
            EventKind.RESENDING_TOO_LATE,
            EventKind.STATUS_REQUEST_UNANSWERED,
        }
    ),
    EventKind.NOT_PROCESSED_REPORTED: frozenset(
        {EventKind.NOT_PROCESSED_REPORTED, EventKind.STATUS_REQUEST_UNANSWERED}
    ),
}
"""What an answer about one copy may have meant: the tenant's choice, and which copy was asked about, say which."""


class DivergedError(Exception):
    """History, run again, comes out otherwise: ``what`` says where, ``kept`` and ``found`` what differs."""

    def __init__(self, payment_id: PaymentId, what: str, *, kept: object, found: object) -> None:
        super().__init__(f"{payment_id}: {what}: kept is {_short(kept)}, found is {_short(found)}")
        self.payment_id = payment_id
        self.what = what


@dataclass(frozen=True, slots=True)
class Replay:
    """Runs payments again; the group commits of `accepts` and `decisions` must be running."""

    rails: Mapping[Rail, RailProtocol]
    decisions: Decisions
    accepts: GroupCommit[NewPayment, Accepted]
    vault: Vault
    observer: Observer
    receiving: Mapping[Rail, ReceivingRail]

    async def run(self, history: PaymentHistory) -> None:
        """Bring one payment from its first message to where it stands; several at once may run.

        Raises:
            DivergedError: it comes out otherwise than it is kept.
            UnavailableError: the database does not answer; begin anew with an empty one.

        """
        await self._accept(history)
        for recorded in history.events[1:]:
            await self._repeat(history, recorded)

    async def _accept(self, history: PaymentHistory) -> None:
        """Submit the client's own bytes at the instant at which they came."""
        payment, received = history.payment, _received(history)
        if payment.is_return:
            await self._accept_return(history, received)
            return
        clock = _Standing(payment.accepted_at)
        intake = Intake(
            rails=self.rails,
            default_rail=payment.rail,
            store=self.decisions.store,
            accepts=self.accepts,
            admission=Admission(self.decisions.store, clock, wait_max_s=1.0),
            clock=clock,
            identifiers=Given(received.message_id),
            vault=self.vault,
            observer=self.observer,
            liquidity_tenants=None,
        )
        at = payment.accepted_at
        if received.content_type == JSON_TYPE:
            stored = json.loads(received.body)
            request = LiquidityRequest.from_json(stored) if payment.is_liquidity else PaymentRequest.from_json(stored)
            outcome = await intake.submit_payment(
                payment.tenant_id,
                history.idempotency_key,
                request,
                received.body,
                received_at=at,
                of_day=payment.business_date,
            )
        else:
            outcome = await intake.submit_message(
                payment.tenant_id, received.body, header_key=None, received_at=at, named=payment.rail
            )
        if isinstance(outcome, Refused):
            codes = [finding.code for finding in outcome.findings] or outcome.kind
            raise DivergedError(payment.payment_id, "the client's message", kept="accepted", found=codes)
        demand(payment.payment_id, "the payment's id", kept=payment.payment_id, found=outcome.payment.payment_id)
        if not outcome.created:
            raise DivergedError(payment.payment_id, "the database", kept="a fresh one", found="the payment is there")

    async def _accept_return(self, history: PaymentHistory, received: RawMessage) -> None:
        """Accept a return as it was begun here: what its pacs.004 says must be what is kept of it."""
        payment = history.payment
        rail = self.rails[payment.rail]
        new = kept_return(payment, received, key=history.idempotency_key, timing=rail.timing, vault=self.vault)
        demand(payment.payment_id, "the return's id", kept=payment.payment_id, found=new.payment_id)
        said = (new.message_id, new.amount, new.end_to_end_id, new.creditor_agent, new.debtor_agent)
        kept = (
            *(payment.message_id, payment.amount, payment.end_to_end_id),
            *(payment.creditor_agent, payment.debtor_agent),
        )
        demand(payment.payment_id, "what the return says", kept=kept, found=said)
        accepted = await self.accepts.submit(new)
        if accepted.kind is not AcceptKind.CREATED:
            raise DivergedError(payment.payment_id, "the database", kept="a fresh one", found="the return is there")

    async def _repeat(self, history: PaymentHistory, recorded: RecordedEvent) -> None:
        async def choose(payment: Payment) -> Decision | None:
            decision = self._decision(history, recorded, payment)
            what = f"the state after event {recorded.sequence}, {recorded.event.kind}"
            demand(payment.payment_id, what, kept=recorded.state_after, found=decision.state)
            return decision

        await self.decisions.take(history.payment.payment_id, choose)

    def _decision(self, history: PaymentHistory, recorded: RecordedEvent, payment: Payment) -> Decision:
        rail, at = self.rails[payment.rail], recorded.at
        if (sent := _sent_with(history, recorded)) is not None:
            built = self._built(history, recorded, payment)
            what = f"the bytes that left with event {recorded.sequence}, {recorded.event.kind}"
            demand(payment.payment_id, what, kept=sent.body, found=built.body)
            return decide(payment, recorded.event, at=at, timing=rail.timing, messages=(sent,))
        if (heard := _heard_with(history, recorded)) is not None:
            event = self._read(heard, recorded, payment, history.events)
            event = recorded.event if event.says_the_same_as(recorded.event) else event
            what = f"what the rail's message {recorded.event.business_message_id} means"
            demand(payment.payment_id, what, kept=recorded.event, found=event)
            digest = self.vault.blind_index("rail-message", heard.body)
            return decide(
                payment,
                event,
                at=at,
                timing=rail.timing,
                messages=(heard,),
                inbox_id=heard.business_message_id,
                inbox_digest=digest,
            )
        return decide(payment, recorded.event, at=at, timing=rail.timing)

    def _built(self, history: PaymentHistory, recorded: RecordedEvent, payment: Payment) -> OutboundMessage:
        rail, at = self.rails[payment.rail], recorded.at
        match recorded.event.kind:
            case EventKind.SENDING_STARTED:
                day = settlement_date_with(recorded.event, business_date=payment.business_date)
                return rail.transfer_message(payment, _received(history), at=at, settlement_date=day)
            case EventKind.PINGED:
                return rail.ping(payment, at=at)
            case EventKind.RETURN_ASKED:
                reason = recorded.event.reason
                assert reason is not None, "a return is asked for with a reason"
                out = (raw for raw in history.messages if raw.direction is MessageDirection.RAIL_OUT)
                sent = next(raw for raw in out if raw.message_type == pacs008.MESSAGE_TYPE)
                transfer = pacs008.parse(readable_document_in(sent))
                return self.receiving[payment.rail].requests.ask(
                    payment, transfer, reason, case_id=recorded.event.details.get(CASE_ID), at=at
                )
            case EventKind.POSTING_ASKED:
                last = transfer_sent(history.messages, before=at)
                question = None if last is None else rail.posting_question(payment, last, at=at)
                assert question is not None, "its receiver is asked about what was sent, where the rail carries that"
                return question
            case _:
                first = next(raw for raw in history.messages if raw.direction is MessageDirection.RAIL_OUT)
                return rail.enquiry(payment, first, at=at)

    def _read(
        self, heard: RawMessage, recorded: RecordedEvent, payment: Payment, events: Sequence[RecordedEvent]
    ) -> Event:
        rail = self.rails[payment.rail]
        reading = rail.read(heard.body)
        strange = reading.codes or rail.mismatches(reading, payment)
        if reading.statement is None or strange:
            what = f"the rail's message {heard.business_message_id}"
            raise DivergedError(payment.payment_id, what, kept="acted upon", found=strange or "says nothing")
        event = rail.event(reading, payment, at=recorded.at)
        if is_of_one_copy(event) and recorded.event.kind in _MEANINGS[event.kind]:
            return recorded.event
        before = [each for each in events if each.sequence < recorded.sequence]
        if may_be_out_of_place(event, payment):
            return placed_by(rail, reading, event, payment, before)
        if may_be_of_question(event, payment):
            return unguessed(event, before)
        return event


History = TypeVar("History", PaymentHistory, IncomingHistory)


def demand_equal(kept: History, found: History) -> None:
    """Hold what came out against what is kept, field by field.

    Raises:
        DivergedError: they differ; the first field that does is named.

    """
    for field in fields(kept):
        one, other = getattr(kept, field.name), getattr(found, field.name)
        if one == other:
            continue
        if isinstance(one, tuple):
            differing = [(left, right) for left, right in zip(one, other, strict=False) if left != right]
            one, other = differing[0] if differing else (f"{len(one)} of them", f"{len(other)} of them")
        elif is_dataclass(one):
            name = next(each.name for each in fields(one) if getattr(one, each.name) != getattr(other, each.name))
            one, other = f"{name}={getattr(one, name)}", f"{name}={getattr(other, name)}"
        raise DivergedError(kept.payment_id, f"its {field.name}", kept=one, found=other)


def demand(payment_id: PaymentId, what: str, *, kept: object, found: object) -> None:
    """Raise `DivergedError` unless both are equal."""
    if kept != found:
        raise DivergedError(payment_id, what, kept=kept, found=found)


def _received(history: PaymentHistory) -> RawMessage:
    return next(raw for raw in history.messages if raw.direction is MessageDirection.CLIENT_IN)


def _sent_with(history: PaymentHistory, recorded: RecordedEvent) -> RawMessage | None:
    """The message that left with an event; a PING that several payments share is kept with the first alone."""
    if recorded.event.kind not in _SENT:
        return None
    return next(
        (
            raw
            for raw in history.messages
            if raw.direction is MessageDirection.RAIL_OUT
            and raw.business_message_id == recorded.event.business_message_id
            and raw.at == recorded.at
        ),
        None,
    )


def _heard_with(history: PaymentHistory, recorded: RecordedEvent) -> RawMessage | None:
    """The rail's message that an event was made of, by the id under which it counted once."""
    return next(
        (
            raw
            for raw in history.messages
            if raw.direction is MessageDirection.RAIL_IN
            and raw.business_message_id == recorded.event.business_message_id
        ),
        None,
    )


def _short(value: object) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


_SHOWN_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class _Standing(Clock):
    """A clock that stands still at one instant."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant

    def monotonic_s(self) -> float:
        return 0.0

    async def sleep_until(self, instant: datetime) -> None:
        raise AssertionError(f"nothing waits for {instant} in a replay")

    async def pause(self, seconds: float) -> None:
        raise AssertionError(f"nothing waits {seconds:g} s in a replay")


@dataclass(frozen=True, slots=True)
class Given:
    """Gives the id that was given then."""

    message_id: UUID

    def new_uuid(self) -> UUID:
        """Return it."""
        return self.message_id

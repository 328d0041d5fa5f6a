"""Planted bugs: each builds one part of the world wrongly, as a plausible slip would. The simulation must find each.

They live here, in the test tree; the gateway's code has no switch for any of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, cast

from gateway.domain.events import Event, EventKind
from gateway.domain.legs import Leg
from gateway.domain.payment import FundsHolder, IdempotencyKey, Payment, PaymentId, PaymentState, TenantId
from gateway.domain.timing import Timing
from gateway.domain.transitions import SENDABLE, TRANSITIONS, Transition
from gateway.service.consuming import Consumer, Handout
from gateway.service.dialect import DialectProtocol
from gateway.service.dispatch import Dispatcher
from gateway.service.group_commit import GroupCommit
from gateway.service.ports import (
    Accepted,
    AcceptKind,
    Bus,
    Clock,
    Decision,
    Delivery,
    DueTimer,
    MessageClass,
    MessageDirection,
    NewPayment,
    NotSentError,
    Observer,
    OutboundDelivery,
    PaymentStore,
    Queue,
    RailLink,
    UnavailableError,
)
from gateway.service.rail_protocol import Reading, Statement
from gateway.service.receive import MESSAGES_MAX, WAIT_S, Receiver
from gateway.service.relay import Forwarder
from gateway.service.requests import PaymentRequest
from gateway.service.submit import Intake
from iso20022 import CustomerCreditTransfer, PaymentStatusReport, TransactionStatus
from tests.fakes.store import REGION, InMemoryStore
from tests.simulation.build import Build, WitnessedStore
from tests.simulation.incoming_plants import (
    AnsweredWithoutTheSave,
    DeliveriesNotDeduplicated,
    IncomingVersionCheckOff,
    PostedOnAGuess,
    SilenceMeansNotSettled,
    UnsentForgotten,
)
from tests.simulation.ports import SimulatedSupply
from tests.simulation.processes import Life
from tests.simulation.rail import CODES
from tests.simulation.returns_plants import (
    RefusedReturnTakenForSettled,
    ReturnBegunAnew,
    ReturnBookedTwice,
    ReturnEndsUntold,
    ReturnOfTheUnsettled,
    ReturnsBeyondTheSum,
    ReturnsOrderedWithoutKeys,
)
from tests.simulation.screening_plants import HitLetPass, OutageLetPass
from tests.simulation.talk_plants import (
    ExpiredRequestAccepted,
    LateYesBelieved,
    RequestsWithoutKeys,
    SentNotedFirst,
    TalksVersionCheckOff,
    UnsettledCountsAsPaid,
    WordsNotCounted,
)

if TYPE_CHECKING:
    from tests.fakes.bus import Waiting
    from tests.simulation.world import World


class Plant(StrEnum):
    """A planted bug."""

    SENT_BEFORE_SAVED = "sent-before-saved"
    SETTLED_BEFORE_HANDLED = "settled-before-handled"
    ANSWERED_BEFORE_COMMITTED = "answered-before-committed"
    VERSION_CHECK_OFF = "version-check-off"
    INBOX_OFF = "inbox-off"
    CLAIMS_OFF = "claims-off"
    IDS_DRAWN = "ids-drawn"
    RESENT_INSTEAD_OF_ASKED = "resent-instead-of-asked"
    TIMERS_IN_MEMORY = "timers-in-memory"
    RELAYED_BEFORE_PUBLISHED = "relayed-before-published"
    FORGOTTEN_BEFORE_PUBLISHED = "forgotten-before-published"
    REFUSAL_OF_A_SECOND_COPY = "refusal-of-a-second-copy"
    ANSWER_BEFORE_LAST_COPY = "answer-before-last-copy"
    ANSWER_TO_THE_QUESTION = "answer-to-the-question"
    REFUSAL_OF_THE_POSTING = "refusal-of-the-posting"
    FINAL_OVERWRITTEN = "final-overwritten"
    EXPIRED_SENT = "expired-sent"
    ACKNOWLEDGED_BEFORE_APPLIED = "acknowledged-before-applied"
    UNAVAILABLE_MEANS_UNSENT = "unavailable-means-unsent"
    SILENCE_MEANS_REJECTED = "silence-means-rejected"
    POSTED_ON_A_GUESS = "posted-on-a-guess"
    SILENCE_MEANS_NOT_SETTLED = "silence-means-not-settled"
    DELIVERIES_NOT_DEDUPLICATED = "deliveries-not-deduplicated"
    INCOMING_VERSION_CHECK_OFF = "incoming-version-check-off"
    UNSENT_FORGOTTEN = "unsent-forgotten"
    ANSWERED_WITHOUT_THE_SAVE = "answered-without-the-save"
    RETURN_BEGUN_ANEW = "return-begun-anew"
    REFUSED_RETURN_TAKEN_FOR_SETTLED = "refused-return-taken-for-settled"
    RETURN_BOOKED_TWICE = "return-booked-twice"
    RETURNS_BEYOND_THE_SUM = "returns-beyond-the-sum"
    RETURN_OF_THE_UNSETTLED = "return-of-the-unsettled"
    RETURNS_ORDERED_WITHOUT_KEYS = "returns-ordered-without-keys"
    RETURN_ENDS_UNTOLD = "return-ends-untold"
    WORDS_NOT_COUNTED = "words-not-counted"
    TALKS_VERSION_CHECK_OFF = "talks-version-check-off"
    SENT_NOTED_FIRST = "sent-noted-first"
    EXPIRED_REQUEST_ACCEPTED = "expired-request-accepted"
    REQUESTS_WITHOUT_KEYS = "requests-without-keys"
    UNSETTLED_COUNTS_AS_PAID = "unsettled-counts-as-paid"
    LATE_YES_BELIEVED = "late-yes-believed"
    HIT_LET_PASS = "hit-let-pass"
    OUTAGE_LET_PASS = "outage-let-pass"


SENTENCES: Final[Mapping[Plant, str]] = {
    Plant.SENT_BEFORE_SAVED: "The bytes leave first, and SENDING is saved afterwards.",
    Plant.SETTLED_BEFORE_HANDLED: "A delivery is settled when it comes, before its handler has had its effect.",
    Plant.ANSWERED_BEFORE_COMMITTED: "A client has its 202 while the commit is still on its way.",
    Plant.VERSION_CHECK_OFF: "A decision is saved whatever has become of the payment since it was taken.",
    Plant.INBOX_OFF: "The ids of the rail's messages are not kept: what comes again counts again.",
    Plant.CLAIMS_OFF: "A key that is claimed is claimed once more.",
    Plant.IDS_DRAWN: "The ids of a payment that leaves them to us are drawn anew at every try.",
    Plant.RESENT_INSTEAD_OF_ASKED: "A payment in doubt is sent again, instead of asked about.",
    Plant.TIMERS_IN_MEMORY: "Timers are kept by the process that set them, and die with it.",
    Plant.RELAYED_BEFORE_PUBLISHED: "Outbox rows are deleted first, and published afterwards.",
    Plant.FORGOTTEN_BEFORE_PUBLISHED: "What is forwarded is deleted from the outbox first, and published afterwards.",
    Plant.REFUSAL_OF_A_SECOND_COPY: "A second copy that the rail refuses as a duplicate makes the payment rejected.",
    Plant.ANSWER_BEFORE_LAST_COPY: "The answer to a question about the first copy counts for the second.",
    Plant.ANSWER_TO_THE_QUESTION: "The rejection of a question is taken for the rejection of the payment.",
    Plant.REFUSAL_OF_THE_POSTING: "A refusal that may be of the posting rejects a payment whose ACWP was not heard.",
    Plant.FINAL_OVERWRITTEN: "What comes late puts a final payment in doubt again.",
    Plant.EXPIRED_SENT: "A payment whose time has run out is sent all the same.",
    Plant.ACKNOWLEDGED_BEFORE_APPLIED: "The rail's messages are acknowledged as soon as they are fetched.",
    Plant.UNAVAILABLE_MEANS_UNSENT: "A link that fails is taken for a message that never left, which is tried again.",
    Plant.SILENCE_MEANS_REJECTED: "A payment without an answer in time is rejected.",
    Plant.POSTED_ON_A_GUESS: "A received payment without the rail's advice in time is taken for settled.",
    Plant.SILENCE_MEANS_NOT_SETTLED: "A received payment without the rail's advice in time is taken for not settled.",
    Plant.DELIVERIES_NOT_DEDUPLICATED: "A payment that the rail delivers again is received again.",
    Plant.INCOMING_VERSION_CHECK_OFF: "A decision on a received payment is saved whatever has become of it meanwhile.",
    Plant.UNSENT_FORGOTTEN: "An answer whose sender died is noted as sent by who finds it.",
    Plant.ANSWERED_WITHOUT_THE_SAVE: "An answer leaves also where another decision was saved first.",
    Plant.HIT_LET_PASS: "What screening has found something about is sent, and accepted, all the same.",
    Plant.OUTAGE_LET_PASS: "Who does not answer is taken to have found nothing.",
    Plant.RETURN_BEGUN_ANEW: "A return that is seen to again is begun again, under ids of its own.",
    Plant.REFUSED_RETURN_TAKEN_FOR_SETTLED: "Whatever a return has ended with, its transfer is taken for returned.",
    Plant.RETURN_BOOKED_TWICE: "What has come back is booked with its payment each time that it is told.",
    Plant.RETURNS_BEYOND_THE_SUM: "Of a return it is not looked at how much has come back before.",
    Plant.RETURN_OF_THE_UNSETTLED: "A return is taken also of a payment that has not settled.",
    Plant.RETURNS_ORDERED_WITHOUT_KEYS: "An order to give back is carried out each time that it comes.",
    Plant.RETURN_ENDS_UNTOLD: "The institution is not told what became of a return.",
    Plant.WORDS_NOT_COUNTED: "What the other side says in a conversation counts each time that it is delivered.",
    Plant.TALKS_VERSION_CHECK_OFF: "An act is saved whatever has become of the conversation since it was decided.",
    Plant.SENT_NOTED_FIRST: "What a conversation says is noted as sent first, and handed to the rail afterwards.",
    Plant.EXPIRED_REQUEST_ACCEPTED: "A request for payment is answered as if it stood for ever.",
    Plant.REQUESTS_WITHOUT_KEYS: "A request for payment is made anew each time that it is ordered.",
    Plant.UNSETTLED_COUNTS_AS_PAID: "A request is paid once its payment is accepted, settled or not.",
    Plant.LATE_YES_BELIEVED: "Who accepts a request that has expired has accepted it.",
}
"""What is wrong, in a sentence."""


# --- sending ------------------------------------------------------------------------------------------------------


class _SendsFirst(Dispatcher):
    async def transfer(self, delivery: Delivery) -> None:
        loaded, received = await self._load(delivery, MessageDirection.CLIENT_IN)
        rail, now = self.rails[loaded.rail], self.clock.now()
        if loaded.state in SENDABLE and now < rail.timing.latest_sending(loaded):
            message = rail.transfer_message(loaded, received, at=now)
            await self.links[loaded.rail].send(message.body, message_class=MessageClass.VALUE)
        await super().transfer(delivery)


class SentBeforeSaved(Build):
    def dispatcher(self, life: Life, **parts: Any) -> Dispatcher:
        return _SendsFirst(**parts)


class _SendsAgain(Dispatcher):
    async def enquiry(self, delivery: Delivery) -> None:
        loaded, sent = await self._load(delivery, MessageDirection.RAIL_OUT)
        if loaded.state is PaymentState.IN_DOUBT:
            await self.links[loaded.rail].send(sent.body, message_class=MessageClass.VALUE)
        await super().enquiry(delivery)


class ResentInsteadOfAsked(Build):
    def dispatcher(self, life: Life, **parts: Any) -> Dispatcher:
        return _SendsAgain(**parts)


class _Patient(Timing):
    def latest_start(self, leg: Leg, payment: Payment) -> datetime:
        return super().latest_start(leg, payment) + timedelta(hours=1)


class ExpiredSent(Build):
    def dispatcher(self, life: Life, **parts: Any) -> Dispatcher:
        rail = self.protocol(life.world, timing=_Patient())
        return Dispatcher(**{**parts, "rails": {rail.rail: rail}})


class _Rash:
    """A link on which every fault is a message that never left."""

    def __init__(self, link: RailLink) -> None:
        self._link = link

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    async def send(self, body: bytes, *, message_class: MessageClass) -> None:
        try:
            await self._link.send(body, message_class=message_class)
        except UnavailableError as error:
            raise NotSentError(str(error)) from error


class UnavailableMeansUnsent(Build):
    def link_side(self, life: Life) -> RailLink:
        return cast("RailLink", _Rash(super().link_side(life)))


# --- the bus and the outbox -----------------------------------------------------------------------------------------


class _SettlesFirst(SimulatedSupply):
    def pass_on(self, handout: Handout[Waiting], consumer: Consumer[Waiting]) -> None:
        super().settle(handout)
        super().pass_on(handout, consumer)

    def settle(self, handout: Handout[Waiting]) -> None:
        """Settled before."""


class SettledBeforeHandled(Build):
    def supply(self, life: Life, queue: Queue) -> SimulatedSupply:
        return _SettlesFirst(life, life.world.bus, queue)


class _DeletesFirst:
    def __init__(self, store: PaymentStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @asynccontextmanager
    async def relay(self, **named: Any) -> AsyncIterator[Sequence[OutboundDelivery]]:
        async with self._store.relay(**named) as deliveries:
            pass
        yield deliveries


class RelayedBeforePublished(Build):
    def store_side(self, life: Life) -> PaymentStore:
        return cast("PaymentStore", _DeletesFirst(super().store_side(life)))


class _ForgetsFirst:
    def __init__(self, store: PaymentStore, bus: Bus) -> None:
        self._store = store
        self._bus = bus

    async def publish(self, deliveries: Sequence[OutboundDelivery]) -> None:
        await self._store.forget([delivery.delivery_id for delivery in deliveries])
        await self._bus.publish(deliveries)


class ForgottenBeforePublished(Build):
    def forwarder(self, store: PaymentStore, bus: Bus, clock: Clock, observer: Observer) -> Forwarder:
        return super().forwarder(store, cast("Bus", _ForgetsFirst(store, bus)), clock, observer)


# --- the store ------------------------------------------------------------------------------------------------------


class _Unversioned(WitnessedStore):
    def _save_one(self, decision: Decision) -> bool:
        now = self.rows.payments[decision.payment.payment_id]
        return super()._save_one(replace(decision, payment=replace(decision.payment, version=now.version)))


class VersionCheckOff(Build):
    def store(self, world: World) -> InMemoryStore:
        return _Unversioned(world)


class _Forgetful(WitnessedStore):
    def _save_one(self, decision: Decision) -> bool:
        return super()._save_one(replace(decision, inbox_id=None))


class InboxOff(Build):
    def store(self, world: World) -> InMemoryStore:
        return _Forgetful(world)


class _Unclaimed(WitnessedStore):
    def _accept_one(self, new: NewPayment) -> Accepted:
        claim = self.rows.claims.pop((new.tenant_id, new.idempotency_key), None)
        if claim is not None:
            self.rows.message_ids.discard((new.rail, new.message_id))
            new = replace(
                new, payment_id=PaymentId(self.world.chance.identifiers(f"{len(self.rows.payments)}").new_uuid())
            )
            new = replace(new, outbox=tuple(replace(each, payment_id=new.payment_id) for each in new.outbox))
        return super()._accept_one(new)


class ClaimsOff(Build):
    def store(self, world: World) -> InMemoryStore:
        return _Unclaimed(world)


class _OwnTimersOnly:
    """Returns the timers of payments whose timer was set through this very life."""

    def __init__(self, store: PaymentStore, own: set[PaymentId]) -> None:
        self._store = store
        self._own = own

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def save(self, decisions: Sequence[Decision]) -> Sequence[bool]:
        saved = await self._store.save(decisions)
        self._own |= {decision.payment.payment_id for decision in decisions if decision.timer is not None}
        return saved

    async def due_timers(self, now: datetime, *, limit: int) -> Sequence[DueTimer]:
        due = await self._store.due_timers(now, limit=limit)
        return [timer for timer in due if timer.payment_id in self._own]


class TimersInMemory(Build):
    def store_side(self, life: Life) -> PaymentStore:
        return cast("PaymentStore", _OwnTimersOnly(super().store_side(life), set()))


# --- intake -----------------------------------------------------------------------------------------------------------


class _Hasty:
    """Answers at once, and commits afterwards."""

    def __init__(self, accepts: GroupCommit[NewPayment, Accepted]) -> None:
        self._accepts = accepts
        self._tasks: set[asyncio.Task[Accepted]] = set()

    async def submit(self, item: NewPayment) -> Accepted:
        task = asyncio.get_running_loop().create_task(self._accepts.submit(item))
        self._tasks.add(task)
        return Accepted(AcceptKind.CREATED, item.accepted(FundsHolder.TENANT, region=REGION))


class AnsweredBeforeCommitted(Build):
    def intake(self, **parts: Any) -> Intake:
        return Intake(**{**parts, "accepts": _Hasty(parts["accepts"])})


class _DrawsIds(DialectProtocol):
    def transfer_from_request(
        self,
        request: PaymentRequest,
        *,
        tenant_id: TenantId,
        idempotency_key: IdempotencyKey,
        business_date: Any,
        at: datetime,
    ) -> CustomerCreditTransfer:
        drawn = IdempotencyKey(f"{idempotency_key}-{at.timestamp()}")
        return super().transfer_from_request(
            request, tenant_id=tenant_id, idempotency_key=drawn, business_date=business_date, at=at
        )


class IdsDrawn(Build):
    fednow = _DrawsIds


# --- hearing the rail -------------------------------------------------------------------------------------------------


class _AcknowledgesFirst(Receiver):
    async def run(self) -> None:
        while True:
            deliveries = await self.link.receive(messages_max=MESSAGES_MAX, wait_s=WAIT_S)
            if deliveries:
                await self.link.acknowledge([delivery.receipt for delivery in deliveries])
            await self.apply(deliveries)


class AcknowledgedBeforeApplied(Build):
    def receiver(self, **parts: Any) -> Receiver:
        return _AcknowledgesFirst(**parts)


class _BelievesRefusals(DialectProtocol):
    def event(self, reading: Reading, payment: Payment, *, at: datetime) -> Event:
        event = super().event(reading, payment, at=at)
        if event.kind is EventKind.REFUSAL_UNEXPLAINED and event.reason and event.reason.code == CODES.duplicate:
            return replace(event, kind=EventKind.TRANSFER_REFUSED)
        return event


class RefusalOfASecondCopy(Build):
    fednow = _BelievesRefusals


class _BelievesRejections(DialectProtocol):
    def event(self, reading: Reading, payment: Payment, *, at: datetime) -> Event:
        event = super().event(reading, payment, at=at)
        report = reading.statement
        if isinstance(report, PaymentStatusReport) and report.status is TransactionStatus.RJCT:
            return replace(event, kind=EventKind.REJECTION_REPORTED)
        return event


class AnswerToTheQuestion(Build):
    fednow = _BelievesRejections


class _BelievesInstitutions(DialectProtocol):
    def may_be_of_posting(self, statement: Statement) -> bool:
        return False


class RefusalOfThePosting(Build):
    fednow = _BelievesInstitutions


class _OneCopyOnly(Receiver):
    async def _of_all_copies(self, event: Event, reading: Reading, payment: Payment, *, at: datetime) -> Event:
        return await super()._of_all_copies(event, reading, replace(payment, transfers=1), at=at)


class AnswerBeforeLastCopy(Build):
    def receiver(self, **parts: Any) -> Receiver:
        return _OneCopyOnly(**parts)


# --- the table --------------------------------------------------------------------------------------------------------


@contextmanager
def _rows(rows: Mapping[tuple[PaymentState, EventKind], Transition]) -> Iterator[None]:
    before = {pair: TRANSITIONS[pair] for pair in rows}
    TRANSITIONS.update(rows)
    try:
        yield
    finally:
        TRANSITIONS.update(before)


class FinalOverwritten(Build):
    def planted(self) -> AbstractContextManager[None]:
        late = (EventKind.STILL_IN_PROCESS_REPORTED, EventKind.REFUSAL_UNEXPLAINED, EventKind.STATUS_REQUEST_UNANSWERED)
        return _rows(
            {
                (state, kind): TRANSITIONS[PaymentState.SENDING, EventKind.DEADLINE_PASSED]
                for state in (PaymentState.SETTLED, PaymentState.REJECTED)
                for kind in late
            }
        )


class SilenceMeansRejected(Build):
    def planted(self) -> AbstractContextManager[None]:
        rejected = TRANSITIONS[PaymentState.RECEIVED, EventKind.DEADLINE_PASSED]
        return _rows({(PaymentState.SENDING, EventKind.DEADLINE_PASSED): rejected})


BUILDS: Final[Mapping[Plant, type[Build]]] = {
    Plant.HIT_LET_PASS: HitLetPass,
    Plant.OUTAGE_LET_PASS: OutageLetPass,
    Plant.SENT_BEFORE_SAVED: SentBeforeSaved,
    Plant.SETTLED_BEFORE_HANDLED: SettledBeforeHandled,
    Plant.ANSWERED_BEFORE_COMMITTED: AnsweredBeforeCommitted,
    Plant.VERSION_CHECK_OFF: VersionCheckOff,
    Plant.INBOX_OFF: InboxOff,
    Plant.CLAIMS_OFF: ClaimsOff,
    Plant.IDS_DRAWN: IdsDrawn,
    Plant.RESENT_INSTEAD_OF_ASKED: ResentInsteadOfAsked,
    Plant.TIMERS_IN_MEMORY: TimersInMemory,
    Plant.RELAYED_BEFORE_PUBLISHED: RelayedBeforePublished,
    Plant.FORGOTTEN_BEFORE_PUBLISHED: ForgottenBeforePublished,
    Plant.REFUSAL_OF_A_SECOND_COPY: RefusalOfASecondCopy,
    Plant.ANSWER_BEFORE_LAST_COPY: AnswerBeforeLastCopy,
    Plant.ANSWER_TO_THE_QUESTION: AnswerToTheQuestion,
    Plant.REFUSAL_OF_THE_POSTING: RefusalOfThePosting,
    Plant.FINAL_OVERWRITTEN: FinalOverwritten,
    Plant.EXPIRED_SENT: ExpiredSent,
    Plant.ACKNOWLEDGED_BEFORE_APPLIED: AcknowledgedBeforeApplied,
    Plant.UNAVAILABLE_MEANS_UNSENT: UnavailableMeansUnsent,
    Plant.SILENCE_MEANS_REJECTED: SilenceMeansRejected,
    Plant.POSTED_ON_A_GUESS: PostedOnAGuess,
    Plant.SILENCE_MEANS_NOT_SETTLED: SilenceMeansNotSettled,
    Plant.DELIVERIES_NOT_DEDUPLICATED: DeliveriesNotDeduplicated,
    Plant.INCOMING_VERSION_CHECK_OFF: IncomingVersionCheckOff,
    Plant.UNSENT_FORGOTTEN: UnsentForgotten,
    Plant.ANSWERED_WITHOUT_THE_SAVE: AnsweredWithoutTheSave,
    Plant.RETURN_BEGUN_ANEW: ReturnBegunAnew,
    Plant.REFUSED_RETURN_TAKEN_FOR_SETTLED: RefusedReturnTakenForSettled,
    Plant.RETURN_BOOKED_TWICE: ReturnBookedTwice,
    Plant.RETURNS_BEYOND_THE_SUM: ReturnsBeyondTheSum,
    Plant.RETURN_OF_THE_UNSETTLED: ReturnOfTheUnsettled,
    Plant.RETURNS_ORDERED_WITHOUT_KEYS: ReturnsOrderedWithoutKeys,
    Plant.RETURN_ENDS_UNTOLD: ReturnEndsUntold,
    Plant.WORDS_NOT_COUNTED: WordsNotCounted,
    Plant.TALKS_VERSION_CHECK_OFF: TalksVersionCheckOff,
    Plant.SENT_NOTED_FIRST: SentNotedFirst,
    Plant.EXPIRED_REQUEST_ACCEPTED: ExpiredRequestAccepted,
    Plant.REQUESTS_WITHOUT_KEYS: RequestsWithoutKeys,
    Plant.UNSETTLED_COUNTS_AS_PAID: UnsettledCountsAsPaid,
    Plant.LATE_YES_BELIEVED: LateYesBelieved,
}
"""How the world with each of them is built."""

"""Receipts of what we have sent: waited for, missed, and what a person may do then.

A message that moves no money is acknowledged by FedNow, and by the institution that receives it (admi.007); whose an
acknowledgement is does not stand in it, so that any of them says that the message has arrived, and so does every answer
to it, and a refusal. Missing receipts: a request may be sent again under a new message id, a response is not sent
again, and where many are missing the rail is pinged (FedNow Operating Procedures v2.1, October 2024). How long a
receipt may take is not public: the times here are ours.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile
from typing import Final
from uuid import UUID

from gateway.domain.conversation import REQUESTERS, Act, ConversationId
from gateway.domain.events import Event, EventKind
from gateway.domain.identity import receipts_ping_id_of
from gateway.domain.incoming import IncomingEvent
from gateway.domain.incoming_transfer import IncomingFact, IncomingTransfer
from gateway.domain.payment import Payment, PaymentId, Rail, RegionId, TenantId
from gateway.domain.rail_operations import RailAction, RailEvent, RailEventKind
from gateway.domain.reconciliation import closing_id
from gateway.domain.request import RequestState
from gateway.service.conversations.decide import ATTEMPTS_MAX, decided
from gateway.service.decide import Decisions, decide
from gateway.service.incoming.decide import IncomingDecisions
from gateway.service.ports import (
    Clock,
    Decision,
    IncomingDecision,
    NotServingError,
    Observer,
    RailEventStore,
    RawMessage,
    UnavailableError,
)
from gateway.service.ports.conversations import ConversationStore
from gateway.service.ports.receipts import AwaitedReceipt, ReceiptOf, ReceiptStore
from gateway.service.rail_operations import RailOperations
from gateway.service.rail_protocol import RailProtocol
from gateway.service.supervise import Verdict
from iso20022.messages import pacs028

LOOK_PAUSE_S: Final = 1.0
"""Between two looks for what is missing."""

TAKEN_MAX: Final = 64
"""Messages that one look finds to be without a receipt, at most."""

LISTED_MAX: Final = 200

_ANSWERS: Final = frozenset(
    {
        EventKind.SETTLEMENT_REPORTED,
        EventKind.ACCEPTANCE_WITHOUT_POSTING_REPORTED,
        EventKind.POSTING_REPORTED,
        EventKind.POSTING_PENDING_REPORTED,
        EventKind.PROGRESS_REPORTED,
        EventKind.REJECTION_REPORTED,
        EventKind.STATUS_REQUEST_UNANSWERED,
        EventKind.POSTING_QUESTION_RECEIVED,
        EventKind.POSTING_REFUSAL_UNCLEAR,
    }
)
"""What a receiver, asked what became of the posting, may say of the payment, or of the question."""

WATCH: Final = "missing receipts"
"""Who has the rail pinged, as the history keeps it."""


class NoReceiptMissingError(Exception):
    """No receipt of this message is missing here."""


@dataclass(frozen=True, slots=True)
class AwaitedReceipts:
    """Notes what leaves and is to be acknowledged, and forgets what something that came names.

    ``types`` are the message types that a rail acknowledges by a message of its own; no others are waited for.
    """

    store: ReceiptStore
    types: Mapping[Rail, frozenset[str]]
    clock: Clock

    async def expect(self, rail: Rail, message: RawMessage, *, tenant_id: TenantId, of: ReceiptOf, of_id: UUID) -> None:
        """Note that a message is about to leave; a repeat is safe. Raises UnavailableError."""
        if message.message_type in self.types.get(rail, ()):
            await self.store.expect(
                AwaitedReceipt(
                    rail=rail,
                    message_id=message.business_message_id,
                    message_type=message.message_type,
                    tenant_id=tenant_id,
                    of=of,
                    of_id=of_id,
                )
            )

    async def left(self, rail: Rail, message: RawMessage) -> None:
        """Note that it has left: from now on its receipt may be missing. Raises UnavailableError."""
        if message.message_type in self.types.get(rail, ()):
            await self.store.left(rail, message.business_message_id, at=self.clock.now())

    async def heard(self, rail: Rail, named: Sequence[str]) -> None:
        """Wait no more for what is named by something that came: whoever names it has seen it.

        Raises UnavailableError.
        """
        if named and self.types.get(rail):
            await self.store.heard(rail, named)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRules:
    """After how long a receipt is missing, and how many missing within which time have the rail pinged (0: none)."""

    wait: timedelta
    ping_after: int
    window: timedelta


@dataclass(frozen=True, slots=True)
class ReceiptWatch:
    """Finds what has left and was not acknowledged, and says so where it is looked for: a worker's loop.

    Any number of workers may: what is found twice is said once.
    """

    store: ReceiptStore
    rules: Mapping[Rail, ReceiptRules]
    conversations: ConversationStore
    payments: Decisions
    incoming: IncomingDecisions
    protocols: Mapping[Rail, RailProtocol]
    operations: RailOperations
    region: RegionId
    clock: Clock
    observer: Observer

    async def run(self) -> None:
        """Look until cancelled; raises as `look`."""
        while True:
            await self.look()
            await self.clock.pause(LOOK_PAUSE_S)

    async def look(self) -> None:
        """Look once at every rail that acknowledges; a repeat is safe.

        What cannot be written into its history is missing all the same: it is listed, a person is told of the fault,
        and it stops nothing else.

        Raises:
            UnavailableError: the store does not answer; what is missing is found at the next look.

        """
        for rail, rules in self.rules.items():
            for late in await self.store.late(rail, before=self.clock.now() - rules.wait, limit=TAKEN_MAX):
                if await self._is_answered(late):
                    await self.store.heard(rail, [late.message_id])
                    continue
                verdict = Verdict(but=(UnavailableError,))
                async with verdict:
                    await self._tell(late)
                if verdict.fault is not None:
                    self.observer.fault(WATCH, verdict.fault)
                await self.store.missed(late, at=self.clock.now())
            await self._ping_where_many(rail, rules)

    async def _is_answered(self, late: AwaitedReceipt) -> bool:
        """Whether a question for a status was answered: the answer is about the original, and does not name it."""
        if late.message_type != pacs028.MESSAGE_TYPE:
            return False
        if late.of is ReceiptOf.CONVERSATION:
            acts = await self.conversations.events(ConversationId(late.of_id))
            later = takewhile(lambda each: each.business_message_id != late.message_id, reversed(acts))
            return any(each.act not in REQUESTERS | {Act.NOTED, Act.RECEIPT_MISSED, Act.EXPIRED} for each in later)
        events = await self.payments.store.events(PaymentId(late.of_id))
        said = takewhile(lambda each: each.event.business_message_id != late.message_id, reversed(events))
        return any(each.event.kind in _ANSWERS for each in said)

    async def _tell(self, late: AwaitedReceipt) -> None:
        """Write it into the history that people look at, once; of a question about a posting the list alone says it."""
        if late.message_type == pacs028.MESSAGE_TYPE and late.of is ReceiptOf.PAYMENT:
            return
        try:
            if late.of is ReceiptOf.CONVERSATION:
                await self._tell_conversation(late)
            elif late.of is ReceiptOf.PAYMENT:
                await self._tell_payment(late)
            else:
                await self._tell_transfer(late)
        except NotServingError:
            return  # it goes on in the other region, or nowhere for now: the list here says it

    async def _tell_conversation(self, late: AwaitedReceipt) -> None:
        conversation_id = ConversationId(late.of_id)
        for _ in range(ATTEMPTS_MAX):
            conversation = await self.conversations.load(conversation_id)
            events = await self.conversations.events(conversation_id)
            told = {each.business_message_id for each in events if each.act is Act.RECEIPT_MISSED}
            if conversation is None or late.message_id in told:
                return
            missed = decided(conversation, Act.RECEIPT_MISSED, at=self.clock.now(), about=late.message_id)
            if await self.conversations.save(missed):
                return
        raise UnavailableError(f"other acts were saved first {ATTEMPTS_MAX} times")

    async def _tell_payment(self, late: AwaitedReceipt) -> None:
        payment_id = PaymentId(late.of_id)

        async def choose(payment: Payment) -> Decision | None:
            events = [each.event for each in await self.payments.store.events(payment_id)]
            event = Event(EventKind.RETURN_RECEIPT_MISSED, business_message_id=late.message_id)
            told = any((each.kind, each.business_message_id) == (event.kind, late.message_id) for each in events)
            if told or payment.request.state is not RequestState.REQUESTED:
                return None  # or it was answered
            return decide(payment, event, at=self.clock.now(), timing=self.protocols[late.rail].timing)

        await self.payments.take(payment_id, choose)

    async def _tell_transfer(self, late: AwaitedReceipt) -> None:
        payment_id = PaymentId(late.of_id)

        async def choose(transfer: IncomingTransfer) -> IncomingDecision | None:
            facts = [each.fact for each in await self.incoming.store.events(payment_id)]
            missed = IncomingFact(IncomingEvent.RETURN_RECEIPT_MISSED, business_message_id=late.message_id)
            if any((each.kind, each.business_message_id) == (missed.kind, late.message_id) for each in facts):
                return None
            return self.incoming.decider.decide(transfer, missed, at=self.clock.now())

        await self.incoming.take(payment_id, choose)

    async def _ping_where_many(self, rail: Rail, rules: ReceiptRules) -> None:
        """Have the rail pinged where so many are missing, once in a window."""
        now = self.clock.now()
        if not rules.ping_after or await self.store.missed_since(rail, now - rules.window) < rules.ping_after:
            return
        code = self.operations.dialects[rail].code_of(RailAction.PING)
        kinds = {RailEventKind.ASKED}
        asked = await self.operations.store.events(rail, codes={code}, kinds=kinds, limit=LISTED_MAX)
        if any(each.asked_by == WATCH and each.at > now - rules.window for each in asked):
            return
        event_id = receipts_ping_id_of(self.region, rail, int(now.timestamp() // rules.window.total_seconds()))
        note = f"{rules.ping_after} receipts or more are missing"
        await self.operations.ask(rail, RailAction.PING, None, by=WATCH, note=note, event_id=event_id)


@dataclass(frozen=True, slots=True)
class ReceiptDesk:
    """Shows what is missing, and takes a person's word that it was looked into."""

    store: ReceiptStore
    events: RailEventStore
    clock: Clock

    async def missing(self, rail: Rail) -> Sequence[AwaitedReceipt]:
        """Return what is missing of a rail, the oldest first. Raises UnavailableError."""
        return await self.store.missing(rail, limit=LISTED_MAX)

    async def missing_of(self, of_ids: Collection[UUID]) -> Mapping[UUID, Sequence[AwaitedReceipt]]:
        """Return what is missing in these conversations, payments or transfers. Raises UnavailableError."""
        return await self.store.missing_of(of_ids) if of_ids else {}

    async def close(self, rail: Rail, message_id: str, *, by: str, note: str) -> AwaitedReceipt:
        """Keep that a person has looked, and why nobody has to any more; return what was missing.

        Raises:
            NoReceiptMissingError: no receipt of this message is missing here.
            UnavailableError: the store does not answer; look before repeating.

        """
        found = await self.store.find_missing(rail, message_id)
        if found is None:
            raise NoReceiptMissingError(message_id)
        closed = RailEvent(
            event_id=closing_id(rail, message_id),
            rail=rail,
            kind=RailEventKind.CLOSED,
            code="",
            about=message_id,
            asked_by=by,
            note=note,
            at=self.clock.now(),
        )
        await self.events.note(closed)
        await self.store.heard(rail, [message_id])
        return found

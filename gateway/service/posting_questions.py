"""Ask the receiver of a payment that it has not posted what became of it (pacs.028), and send the question.

The answer is a word of the posting like any other, and moves the payment by its state table. What refuses the question
says nothing of the payment. See `gateway.domain.posting_question`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from gateway.domain.events import Event, EventKind
from gateway.domain.history import RecordedEvent
from gateway.domain.identity import delivery_id_of
from gateway.domain.payment import Payment, PaymentId, PaymentState, Rail, TenantId
from gateway.domain.posting_question import ASKED_BY_ITSELF_DAYS, askable_from, due_before, standing_question
from gateway.domain.transitions import Effect
from gateway.service.decide import Decisions, decide
from gateway.service.ports import (
    Clock,
    Decision,
    Delivery,
    Identifiers,
    MessageClass,
    MessageDirection,
    NotHomeError,
    RailLink,
    RawMessage,
)
from gateway.service.ports.receipts import ReceiptOf
from gateway.service.rail_protocol import OutboundMessage, RailProtocol
from gateway.service.receipts import AwaitedReceipts
from gateway.service.supervise import Verdict
from iso20022.messages import pacs004, pacs008

_ASKED_ABOUT: Final = frozenset({pacs008.MESSAGE_TYPE, pacs004.MESSAGE_TYPE})
"""What a receiver is asked about: nobody posts a liquidity transfer to a customer."""


_UNHURRIED: Final = (Effect.QUEUE_POSTING_QUESTION, Effect.QUEUE_REQUEST)


LOOK_PAUSE_S: Final = 60.0
"""Between two looks for receivers whose time is over."""

ASKED_MAX: Final = 64
"""So many are asked in one look: their answers come back over the same link."""

_FIRST_ID: Final = PaymentId(UUID(int=0))

GATEWAY: Final = "gateway"
"""Who asks where no person has, as the history keeps it."""


class PostingNotAskableError(Exception):
    """Nothing was asked; the text says why, ``code`` for programs, ``askable_from`` when it may be, if ever."""

    def __init__(self, code: str, why: str, askable_from: datetime | None = None) -> None:
        super().__init__(why)
        self.code = code
        self.askable_from = askable_from


@dataclass(frozen=True, slots=True)
class PostingQuestions:
    """Takes what people have asked, and, in a worker, sends it; links are a worker's alone.

    ``waits`` says how long after the acceptance a rail's receivers may be asked; without the rail: when their own time
    is over.
    """

    payments: Decisions
    protocols: Mapping[Rail, RailProtocol]
    waits: Mapping[Rail, timedelta]
    links: Mapping[Rail, RailLink]
    clock: Clock
    identifiers: Identifiers
    asked_by_itself: Collection[Rail] = ()
    """The rails on which a receiver whose time is over is asked without a person's order, once."""
    receipts: AwaitedReceipts | None = None
    """Without it nobody waits for the receipt of a question."""

    async def run(self) -> None:
        """Ask those whose time is over until cancelled; raises as `ask_overdue`."""
        while True:
            await self.ask_overdue()
            await self.clock.pause(LOOK_PAUSE_S)

    async def ask_overdue(self) -> None:
        """Ask each receiver that has let its time pass without a word, once; of several workers one does.

        A receiver is asked by itself when its own time is over, however early a person may ask it, and no earlier than
        a person may. A payment that cannot be asked about now keeps no other from it, and is tried at the next look.

        Raises:
            UnavailableError: the store does not say which they are; they are asked at the next look.

        """
        for rail in self.asked_by_itself:
            await self._ask_overdue_on(rail)

    async def _ask_overdue_on(self, rail: Rail) -> None:
        """Ask on one rail, page by page: what was passed over stays in the list, before what is asked."""
        now, wait = self.clock.now(), self.waits.get(rail)
        until = due_before(now) if wait is None else min(due_before(now), now - wait)
        after, asked = (until - timedelta(days=ASKED_BY_ITSELF_DAYS), _FIRST_ID), 0
        while True:
            page = await self.payments.store.unposted(rail, after=after, until=until, limit=ASKED_MAX)
            for payment in page:
                asked += await self._ask_or_report(payment.payment_id)
                if asked == ASKED_MAX:
                    return
            if len(page) < ASKED_MAX:
                return
            last = page[-1]
            assert last.final_at is not None, f"{last.payment_id} was found by it"
            after = (last.final_at, last.payment_id)

    async def _ask_or_report(self, payment_id: PaymentId) -> bool:
        """Whether a receiver was asked; what stood against it is reported, unless it is as it should be."""
        verdict = Verdict()
        async with verdict:
            await self.ask(payment_id, tenant_id=None, by=GATEWAY)
        if verdict.fault is not None and not isinstance(verdict.fault, NotHomeError | PostingNotAskableError):
            self.payments.observer.fault("posting questions", verdict.fault)
        return verdict.fault is None

    async def ask(self, payment_id: PaymentId, *, tenant_id: TenantId | None, by: str) -> Payment:
        """Ask the receiver of a payment what became of the posting, and return the payment as it is then.

        A repeat within minutes of a question asks nothing: it is the same question.

        Raises:
            LookupError: there is no such payment, or it is another tenant's.
            PostingNotAskableError: there is nothing to be asked, or not yet; nothing was done.
            UnavailableError: the store does not answer; a repeat is safe.

        """
        payment = (await self.payments.store.load([payment_id])).get(payment_id)
        if payment is None or tenant_id not in {None, payment.tenant_id}:
            raise LookupError(f"no payment {payment_id}")
        messages = await self.payments.store.messages(payment_id)

        async def choose(current: Payment) -> Decision | None:
            now = self.clock.now()
            if standing_question(await self.payments.store.events(payment_id), at=now) is not None:
                return None
            question = self._question(current, messages, at=now)
            return decide(
                current,
                Event(EventKind.POSTING_ASKED, business_message_id=question.business_message_id, details={"by": by}),
                at=now,
                timing=self.protocols[current.rail].timing,
                messages=(question.kept(self.identifiers.new_uuid(), at=now),),
            )

        await self.payments.take(payment_id, choose)
        return (await self.payments.store.load([payment_id]))[payment_id]

    def _question(self, payment: Payment, messages: Sequence[RawMessage], *, at: datetime) -> OutboundMessage:
        """The question about a payment, where it may be put now."""
        if payment.state is not PaymentState.ACCEPTED_WITHOUT_POSTING:
            why = f"The payment is {payment.state}: its receiver is asked about what it took without posting it."
            raise PostingNotAskableError("not_without_posting", why)
        sent = transfer_sent(messages, before=at)
        if sent is None:
            why = "The rail has settled what never left here: a person must look."
            raise PostingNotAskableError("not_sent", why)
        question = self.protocols[payment.rail].posting_question(payment, sent, at=at)
        if question is None:
            raise PostingNotAskableError("not_on_this_rail", "This rail carries no question about this payment.")
        since = askable_from(payment, wait=self.waits.get(payment.rail))
        if at < since:
            why = "The receiver has until then to say what became of it by itself."
            raise PostingNotAskableError("too_early", why, since)
        return question

    async def send(self, delivery: Delivery) -> bool:
        """Send the question that a delivery is for; False where it may be for something else. A repeat has the same id.

        One that was redriven has an id of its own: it may be for either, and the question that was put last is sent.

        Raises:
            UnavailableError: store or rail do not answer; the delivery comes again.

        """
        store, payment_id = self.payments.store, delivery.payment_id
        events = await store.events(payment_id)
        asked = [recorded for recorded in events if recorded.event.kind is EventKind.POSTING_ASKED]
        queued_with = next((recorded for recorded in events if _is_queued_with(delivery, recorded)), None)
        if not asked or (queued_with is not None and queued_with not in asked):
            return False
        question_id = (queued_with or asked[-1]).event.business_message_id
        messages = await store.messages(payment_id)
        question = next(each for each in messages if each.business_message_id == question_id)
        await self._send(payment_id, delivery.queue.rail, question)
        return queued_with is not None

    async def _send(self, payment_id: PaymentId, rail: Rail, question: RawMessage) -> None:
        """Send a question, and wait for somebody to say that it has arrived."""
        if self.receipts is not None:
            tenant_id = (await self.payments.store.load([payment_id]))[payment_id].tenant_id
            await self.receipts.expect(rail, question, tenant_id=tenant_id, of=ReceiptOf.PAYMENT, of_id=payment_id)
        await self.links[rail].send(question.body, message_class=MessageClass.NONVALUE)
        if self.receipts is not None:
            await self.receipts.left(rail, question)


def transfer_sent(messages: Sequence[RawMessage], *, before: datetime) -> RawMessage | None:
    """Return the last copy of a transfer, or a return, that had left by an instant; None where none had."""
    sent = [
        each
        for each in messages
        if each.message_type in _ASKED_ABOUT and each.direction is MessageDirection.RAIL_OUT and each.at <= before
    ]
    return sent[-1] if sent else None


def _is_queued_with(delivery: Delivery, recorded: RecordedEvent) -> bool:
    """Whether a delivery was put on the queue of what is not urgent with this event."""
    version = recorded.sequence - 1
    return delivery.delivery_id in {delivery_id_of(delivery.payment_id, effect, version) for effect in _UNHURRIED}

"""Return requests, either way: asked, acknowledged, judged where nobody is needed for it, answered, and sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from gateway.domain.events import Event, EventKind
from gateway.domain.identity import request_answer_id_of
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import Attention, IncomingFact, IncomingTransfer
from gateway.domain.payment import Payment, PaymentId, PaymentState, Rail, Reason, ReasonOrigin, TenantId
from gateway.domain.rail_operations import RailEvent, RailEventKind
from gateway.domain.request import RequestState
from gateway.domain.return_request import CASE_ID, REQUEST_ID
from gateway.domain.returns import AMOUNT, goes_back_by_itself, returnable
from gateway.service.decide import Decisions, decide
from gateway.service.dialect import readable_document_in
from gateway.service.incoming.come_back import RETURNABLE
from gateway.service.incoming.decide import IncomingDecisions
from gateway.service.incoming.desk import NotReturnableError
from gateway.service.incoming.kept import all_of, newest, request_in
from gateway.service.incoming.rail import RequestMessages
from gateway.service.ports import (
    Decision,
    Delivery,
    IncomingDecision,
    MessageClass,
    MessageDirection,
    RailEventStore,
    RailLink,
    RawMessage,
)
from gateway.service.ports.receipts import AwaitedReceipt, ReceiptOf
from gateway.service.questions import subjects_of
from gateway.service.rail_protocol import OutboundMessage, RailProtocol
from gateway.service.receipts import AwaitedReceipts
from iso20022 import Amount, PaymentCancellationRequest, Resolution
from iso20022.messages import camt029, camt056, pacs008
from iso20022.messages.actors import Actor, Agent

NO_ORIGINAL: Final = Reason("NOOR", ReasonOrigin.GATEWAY, "No such payment has arrived.")
ALREADY: Final = Reason("ARDT", ReasonOrigin.GATEWAY, "The payment has been returned.")
TOO_LATE: Final = Reason("NARR", ReasonOrigin.GATEWAY, "It was asked for too long after settlement.")
FOLLOWING: Final = "FOCR"
"""The ISO reason of a return that follows a request for it."""

CONFIRMATION: Final = "confirmation"
"""Under this a fact's details have the code of our answer (IPAY, PECR, PDCR, RJCR)."""

ANSWER_TO_REQUEST: Final = frozenset(
    {IncomingEvent.RETURN_AGREED, IncomingEvent.RETURN_DEFERRED, IncomingEvent.RETURN_REFUSED}
)
"""What is answered to a request for a return."""

NOTHING_GOES: Final = "no return of it follows by itself: start one, then agree"
"""Why the return of what is owed is not agreed to."""

CONTRADICTED: Final = "the rail contradicts itself about its money: a person finds out first"

_NEVER_ARRIVED: Final = frozenset({IncomingState.REJECTED, IncomingState.NOT_SETTLED})
_REFUSED: Final = "RJCR"
_CONFIRMED_AS: Final = {IncomingEvent.RETURN_DEFERRED: "PDCR", IncomingEvent.RETURN_REFUSED: _REFUSED}


class NotAskableError(Exception):
    """Nothing was asked; the text says why, and ``code`` for programs."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


class NotAnswerableError(Exception):
    """There is no request that waits for this answer: nothing was done. ``state`` is the request's."""

    def __init__(self, state: RequestState, why: str = "") -> None:
        super().__init__(", and ".join(filter(None, (f"the request is {state}", why))))
        self.state = state


@dataclass(frozen=True, slots=True)
class ReturnRequests:
    """Takes what people ask and answer, and, in a worker, sees to what leaves; links are a worker's alone.

    Receipts, and answers about nothing that is here, have no payment to lie with: they are kept with the rail's
    `events`, and leave as answers to status questions do (`gateway.service.rail_operations`).
    """

    incoming: IncomingDecisions
    payments: Decisions
    protocols: Mapping[Rail, RailProtocol]
    links: Mapping[Rail, RailLink]
    events: RailEventStore
    receipts: AwaitedReceipts | None = None

    # --- what people do ---

    async def ask(self, payment_id: PaymentId, reason: Reason, *, tenant_id: TenantId | None, by: str) -> Payment:
        """Ask the receiver of a payment for its return, and return the payment as it is then.

        Where nobody has said that a request arrived, it is asked again in the same case, under another message id.

        Raises:
            LookupError: there is no such payment, or it is another tenant's.
            NotAskableError: it cannot be asked for, or the receiver is still to answer; nothing was done.
            UnavailableError: the store does not answer; look at the payment before asking again.

        """
        payment = (await self.payments.store.load([payment_id])).get(payment_id)
        if payment is None or tenant_id not in {None, payment.tenant_id}:
            raise LookupError(f"no payment {payment_id}")
        if payment.rail not in self.incoming.decider.rails or payment.is_return or payment.is_liquidity:
            raise NotAskableError("not_on_this_rail", "This rail takes no request for the return of this payment.")
        requests = self.incoming.decider.rails[payment.rail].requests
        if requests.reasons and reason.code not in requests.reasons:
            taken = ", ".join(sorted(requests.reasons))
            raise NotAskableError("reason_not_taken", f"This rail takes a request for one of these reasons: {taken}.")
        _demand_settled(payment)
        messages = await self.payments.store.messages(payment_id)
        sent = newest(messages, pacs008.MESSAGE_TYPE, MessageDirection.RAIL_OUT)
        if sent is None:
            raise NotAskableError("not_sent", "The rail has settled what never left here: a person must look.")
        transfer, missing = pacs008.parse(readable_document_in(sent)), await self._without_receipt(payment_id)
        asked: list[OutboundMessage] = []

        async def choose(current: Payment) -> Decision | None:
            now = self.incoming.clock.now()
            due_at = current.request.due_at
            _demand_settled(current)
            is_overdue = due_at is not None and now > due_at
            is_again = missing is not None and current.request.state is RequestState.REQUESTED and not is_overdue
            if current.request.state.is_open and not is_overdue and not is_again:
                raise NotAskableError("already_asked", f"It was asked for, and an answer is due by {due_at}.")
            if not requests.is_in_time(settled_at=current.final_at or now, asked_at=now, reason_code=reason.code):
                raise NotAskableError("too_late", "The rail's time to ask for this return is over.")
            case_id = current.request.message_id if is_again else None
            message = requests.ask(current, transfer, reason, case_id=case_id, at=now)
            asked[:] = [message]
            details = {"by": by} | ({} if case_id is None else {CASE_ID: case_id})
            return decide(
                current,
                Event(EventKind.RETURN_ASKED, reason, business_message_id=message.business_message_id, details=details),
                at=now,
                timing=self.protocols[current.rail].timing,
                messages=(self.incoming.decider.raw(message, at=now),),
            )

        await self.payments.take(payment_id, choose)
        if self.receipts is not None and missing is not None and asked:
            await self.receipts.store.sent_again(missing, asked[0].business_message_id)
        return (await self.payments.store.load([payment_id]))[payment_id]

    async def _without_receipt(self, payment_id: PaymentId) -> AwaitedReceipt | None:
        """The request for a payment's return whose receipt is missing."""
        if self.receipts is None:
            return None
        missing = (await self.receipts.store.missing_of([payment_id])).get(payment_id, ())
        requests = [each for each in missing if each.message_type == camt056.MESSAGE_TYPE]
        return requests[-1] if requests else None

    async def answer(
        self, payment_id: PaymentId, kind: IncomingEvent, *, amount: Amount | None, reason: Reason | None, by: str
    ) -> IncomingTransfer:
        """Answer the request for a transfer's return, and return the transfer as it is then; a worker sends the answer.

        Agreed, the return begins with the answer, in the same commit: of all that is left, or of `amount`.

        Raises:
            LookupError: there is no such transfer.
            NotAnswerableError: no request waits for this answer; of two answers at once, one wins.
            NotReturnableError: so much cannot be given back as the transfer stands.
            UnavailableError: the store does not answer; look at the transfer before repeating.

        """
        request = await self._request_of(payment_id)

        async def choose(transfer: IncomingTransfer) -> IncomingDecision | None:
            if request is None or transfer.request.state not in {RequestState.RECEIVED, RequestState.PENDING}:
                raise NotAnswerableError(transfer.request.state)
            if transfer.request.message_id != request.message_id:
                raise NotAnswerableError(transfer.request.state, "another has come in its place: look at that first")
            requests = self.incoming.decider.rails[transfer.rail].requests
            if (why := _not_on_this_rail(requests, kind, reason)) is not None:
                raise NotAnswerableError(transfer.request.state, why)
            return self._answered(transfer, request, kind, amount=amount, reason=reason, by=by)

        await self.incoming.take(payment_id, choose)
        return (await self.incoming.store.load([payment_id]))[payment_id]

    def _answered(
        self,
        transfer: IncomingTransfer,
        request: PaymentCancellationRequest,
        kind: IncomingEvent,
        *,
        amount: Amount | None,
        reason: Reason | None,
        by: str,
    ) -> IncomingDecision:
        now, decider = self.incoming.clock.now(), self.incoming.decider
        details, confirmation, stated = {"by": by}, _CONFIRMED_AS.get(kind, "IPAY"), reason
        if kind is IncomingEvent.RETURN_AGREED:
            if transfer.attention is Attention.CONTRADICTED:
                raise NotReturnableError(transfer.state, None, why=CONTRADICTED)
            if transfer.state is IncomingState.POSTED:
                left = returnable(transfer)
                if left is None or (amount is not None and amount > left):
                    raise NotReturnableError(transfer.state, left)
                details[AMOUNT] = str((amount or left).cents)
                confirmation = "IPAY" if (amount or left) == transfer.amount else "PECR"
            elif transfer.state is not IncomingState.RETURN_DUE or amount is not None:
                raise NotReturnableError(transfer.state, None)
            elif not goes_back_by_itself(transfer):
                raise NotReturnableError(transfer.state, None, why=NOTHING_GOES)
            reason, stated = Reason(FOLLOWING, ReasonOrigin.INSTITUTION), None
        details[CONFIRMATION] = confirmation
        message = decider.rails[transfer.rail].requests.answer(request, confirmation, stated, at=now)
        fact = IncomingFact(kind, reason, business_message_id=message.business_message_id, details=details)
        return decider.decide(transfer, fact, at=now, messages=(decider.raw(message, at=now),))

    # --- what a worker does ---

    async def see_to_ours(self, delivery: Delivery) -> None:
        """Send the request that a payment has, or acknowledge its answer; a repeat sends the same under the same id.

        Raises:
            LookupError: there is no such payment.
            UnavailableError: store or rail do not answer; the delivery comes again.

        """
        payment = (await self.payments.store.load([delivery.payment_id])).get(delivery.payment_id)
        if payment is None:
            raise LookupError(f"no payment {delivery.payment_id}")
        messages = await self.payments.store.messages(payment.payment_id)
        if payment.request.state is RequestState.REQUESTED:
            request = newest(messages, camt056.MESSAGE_TYPE, MessageDirection.RAIL_OUT)
            await self._send_kept(payment, request, of=ReceiptOf.PAYMENT)
            return
        for answer in all_of(messages, camt029.MESSAGE_TYPE, MessageDirection.RAIL_IN):
            await self._acknowledge(payment.rail, camt029.parse(readable_document_in(answer)))

    async def see_to_theirs(self, transfer: IncomingTransfer) -> None:
        """Acknowledge every request for a transfer's return, and judge the one that it has, or send our answer.

        A repeat is safe.

        Raises:
            UnavailableError: store or rail do not answer; the delivery comes again.

        """
        messages = await self.incoming.store.messages(transfer.payment_id)
        for each in await self._asked(transfer, messages):
            await self._acknowledge(transfer.rail, each)
        if transfer.request.state is not RequestState.RECEIVED:
            answer = newest(messages, camt029.MESSAGE_TYPE, MessageDirection.RAIL_OUT)
            await self._send_kept(transfer, answer, of=ReceiptOf.INCOMING_TRANSFER)
            return
        request = request_in(messages, transfer.request.message_id)
        assert request is not None, "a request that was saved is there"
        requests = self.incoming.decider.rails[transfer.rail].requests
        if await self._is_missing(transfer.rail, transfer.message_id):
            return  # the rail says of its money what is not known here: a person decides

        async def choose(current: IncomingTransfer) -> IncomingDecision | None:
            judged = _judged(current, request, requests, at=self.incoming.clock.now())
            if judged is None or current.request.state is not RequestState.RECEIVED:
                return None
            if current.request.message_id != request.message_id:
                return None  # another has come in its place, and has a delivery of its own
            kind, reason = judged
            return self._answered(current, request, kind, amount=None, reason=reason, by="gateway")

        await self.incoming.take(transfer.payment_id, choose, loaded=transfer)

    async def refuse_unknown(self, rail: Rail, request: PaymentCancellationRequest, *, about: str | None) -> None:
        """Answer a request about nothing that has arrived here: NOOR; `about` is the message that it names. Repeatable.

        What the rail says to have settled is not denied: the request is acknowledged, and its answer a person's.

        Raises:
            UnavailableError: the store does not answer; nothing may be acknowledged.

        """
        await self._acknowledge(rail, request)
        if about is not None and await self._is_missing(rail, about):
            return
        requests = self.incoming.decider.rails[rail].requests
        message = requests.answer(request, _REFUSED, NO_ORIGINAL, at=self.incoming.clock.now())
        event = replace(
            self._event(rail, message, answers=request.message_id),
            subjects=subjects_of(_number(request.assigner), about),
            reason_code=NO_ORIGINAL.code,
            description=_REFUSED,
        )
        await self._keep(event, message)

    async def _is_missing(self, rail: Rail, message_id: str) -> bool:
        """Whether the rail says that it has settled this message to us, otherwise than is known here."""
        return bool(await self.events.still_missing(rail, message_id=message_id, limit=1))

    async def _asked(
        self, transfer: IncomingTransfer, messages: Sequence[RawMessage]
    ) -> Sequence[PaymentCancellationRequest]:
        """Every request for a transfer's return; a camt.056 with which the rail gives it up is none."""
        facts = [each.fact for each in await self.incoming.store.events(transfer.payment_id)]
        ids = [each.details.get(REQUEST_ID) for each in facts if each.kind is IncomingEvent.RETURN_REQUESTED]
        found = [request_in(messages, request_id) for request_id in ids]
        return [each for each in found if each is not None]

    async def _request_of(self, payment_id: PaymentId) -> PaymentCancellationRequest | None:
        """The request that a transfer has now."""
        transfer = (await self.incoming.store.load([payment_id])).get(payment_id)
        if transfer is None:
            raise LookupError(f"no incoming transfer {payment_id}")
        return request_in(await self.incoming.store.messages(payment_id), transfer.request.message_id)

    async def _acknowledge(self, rail: Rail, message: PaymentCancellationRequest | Resolution) -> None:
        """Have a message that has come acknowledged, once however often it is seen to."""
        requests = self.incoming.decider.rails[rail].requests
        receipt = requests.receipt(message, at=self.incoming.clock.now())
        if receipt is not None:
            await self._keep(self._event(rail, receipt, answers=message.message_id), receipt)

    async def _send_kept(self, about: Payment | IncomingTransfer, message: RawMessage | None, *, of: ReceiptOf) -> None:
        """Send a message that was saved; the newest alone: what it says holds."""
        if message is None:
            return
        if self.receipts is not None:
            tenant_id, of_id = about.tenant_id, about.payment_id
            await self.receipts.expect(about.rail, message, tenant_id=tenant_id, of=of, of_id=of_id)
        await self.links[about.rail].send(message.body, message_class=MessageClass.NONVALUE)
        if self.receipts is not None:
            await self.receipts.left(about.rail, message)

    def _event(self, rail: Rail, message: OutboundMessage, *, answers: str) -> RailEvent:
        """What answers a message of another institution."""
        return RailEvent(
            event_id=request_answer_id_of(rail, answers, message.message_type),
            rail=rail,
            kind=RailEventKind.REQUESTED,
            code=message.message_type[:8],
            about=answers,
            business_message_id=message.business_message_id,
            at=self.incoming.clock.now(),
        )

    async def _keep(self, event: RailEvent, message: OutboundMessage) -> None:
        """Save an answer, to be sent; a repeat changes nothing."""
        await self.events.ask(event, message.kept(event.event_id, at=event.at), message_class=message.message_class)


def _number(actor: Actor) -> str | None:
    return actor.member_id if isinstance(actor, Agent) else None


def _not_on_this_rail(requests: RequestMessages, kind: IncomingEvent, reason: Reason | None) -> str | None:
    """Why a rail does not take an answer to a request; None where it does."""
    if kind is IncomingEvent.RETURN_DEFERRED and not requests.defers:
        return "this rail knows no answer that puts off the decision"
    is_refusal = kind is IncomingEvent.RETURN_REFUSED
    if is_refusal and requests.refusals and (reason is None or reason.code not in requests.refusals):
        return f"this rail takes a refusal for one of these reasons: {', '.join(sorted(requests.refusals))}"
    return None


def _demand_settled(payment: Payment) -> None:
    """Demand that there is something to return.

    Raises:
        NotAskableError: there is not.

    """
    if payment.state not in RETURNABLE:
        raise NotAskableError("not_settled", f"The payment is {payment.state}: there is nothing to return.")
    if payment.state is PaymentState.RETURNED:
        raise NotAskableError("already_returned", "All of the payment has come back.")


def _judged(
    transfer: IncomingTransfer, request: PaymentCancellationRequest, requests: RequestMessages, *, at: datetime
) -> tuple[IncomingEvent, Reason | None] | None:
    """What is answered to a request without asking anybody; None where nothing is certain, or somebody decides."""
    if transfer.attention is Attention.CONTRADICTED:
        return None
    if transfer.state in _NEVER_ARRIVED or transfer.is_return or transfer.is_liquidity:
        return IncomingEvent.RETURN_REFUSED, NO_ORIGINAL
    if transfer.returned_cents >= transfer.amount.cents or transfer.state is IncomingState.RETURNED_BY_HAND:
        return IncomingEvent.RETURN_REFUSED, ALREADY
    if transfer.state is IncomingState.RETURN_DUE:
        return (IncomingEvent.RETURN_AGREED, None) if goes_back_by_itself(transfer) else None
    code = next((each.reason.text for each in request.reasons if each.reason is not None), None)
    if not requests.is_in_time(settled_at=transfer.forwarded_at, asked_at=at, reason_code=code):
        return IncomingEvent.RETURN_REFUSED, TOO_LATE
    return None

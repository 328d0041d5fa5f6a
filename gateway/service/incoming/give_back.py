"""Giving back: what is owed, or agreed to be returned, goes by a return, which is a payment like any other: on FedNow a
pacs.004, on RTP a pacs.008 that names the original.

Accepted under a key that is a function of the transfer and of the return's number, it is dispatched, answered, doubted
and resolved as every payment is; what it has come to is then saved with the transfer. A return of which no
byte can have reached the rail is followed by another, under a number, and so under ids, of its own. After one that had
left, after one that the rail contradicts itself about, and where it contradicts itself about the money, a person
decides.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from gateway.domain.identity import delivery_id_of, incoming_slot_of, payment_id_of, reference_of
from gateway.domain.incoming import IncomingEffect, IncomingEvent, IncomingState, advance_incoming
from gateway.domain.incoming_transfer import Attention, IncomingFact, IncomingTransfer, RecordedFact
from gateway.domain.payment import (
    FundsHolder,
    IdempotencyKey,
    Payment,
    PaymentId,
    PaymentState,
    Rail,
    Reason,
    ReasonOrigin,
)
from gateway.domain.returns import AMOUNT, NOTE, ended_as, is_contradicted_by_rail, return_key_of
from gateway.domain.timing import Timing
from gateway.domain.transitions import Effect
from gateway.service.dialect import readable_document_in
from gateway.service.incoming.decide import IncomingDecisions
from gateway.service.incoming.messages import ReceivedMessages
from gateway.service.incoming.money import REASON_ENDS, Money, reason_codes, returned, sent
from gateway.service.ports import (
    AcceptKind,
    IncomingDecision,
    MessageClass,
    MessageDirection,
    NewPayment,
    OutboundDelivery,
    PaymentStore,
    Queue,
    QueueDirection,
    RawMessage,
    RetentionOverError,
    Vault,
)
from gateway.service.rail_protocol import XML_TYPE, RailProtocol
from gateway.service.submit import account_index
from iso20022 import Amount, CustomerCreditTransfer, MessageId, Severity
from iso20022.messages import pacs004, pacs008

RETURN_ID: Final = "return_id"
"""Under this a fact's details have which return it is about."""

HELD = Reason(
    "RETURN_HELD",
    ReasonOrigin.GATEWAY,
    "The rail contradicts itself about the money, or about a former return: ask its support.",
)
"""Why a return did not begin."""

NOT_BEGUN = Reason(
    "RETURN_NOT_BEGUN", ReasonOrigin.GATEWAY, "The return could not begin: its ids are another payment's."
)
"""Why a return did not begin: a fault of ours, and nothing has left."""

NOT_KEPT = Reason(
    "RETURN_NOT_BEGUN", ReasonOrigin.GATEWAY, "The message that it would give back is kept no more: its years are over."
)
"""Why a return did not begin, so long afterwards."""

INVALID: Final = "RETURN_INVALID"
"""The reason's code of a return that did not begin because the rail's rules forbid it; its text names them."""

_STARTING: Final = frozenset({IncomingEvent.RETURN_STARTED, IncomingEvent.RETURN_AGREED, IncomingEvent.POSTING_REFUSED})
"""The facts with which a return begins."""

UNEXPLAINED = Reason("NARR", ReasonOrigin.GATEWAY, "The payment could not be posted.")
"""The reason of a return for which nobody has named one."""


@dataclass(frozen=True, slots=True)
class GivingBack:
    """Sees to the returns that are under way."""

    decisions: IncomingDecisions
    payments: PaymentStore
    protocols: Mapping[Rail, RailProtocol]
    messages: ReceivedMessages
    vault: Vault

    async def see_to(self, transfer: IncomingTransfer) -> None:
        """Begin the return that is under way, if it was not begun before, and save what it has come to; repeatable.

        Raises:
            UnavailableError: the store does not answer; see to it again.

        """
        payment = await self._begun(transfer)
        if isinstance(payment, Reason):
            is_owed = transfer.state is IncomingState.RETURN_DUE
            kind = IncomingEvent.RETURNS_ENDED if is_owed else IncomingEvent.RETURN_FAILED
            await self._end(transfer, IncomingFact(kind, payment))
            return
        if not payment.state.is_final:
            return
        ended = ended_as(transfer, payment, await self.payments.events(payment.payment_id))
        assert ended is not None, "a final payment is at its end"
        await self._end(transfer, _ended(ended, payment))

    async def _end(self, transfer: IncomingTransfer, fact: IncomingFact) -> None:
        """Save what the return under way has come to, if it is under way still."""

        async def choose(current: IncomingTransfer) -> IncomingDecision | None:
            if current.returns != transfer.returns or not current.returning_cents:
                return None
            return self.decisions.decider.decide(current, fact, at=self.decisions.clock.now())

        await self.decisions.take(transfer.payment_id, choose, loaded=transfer)

    async def report(self, payment: Payment) -> None:
        """Have a return's transfer know that the rail contradicts itself about the return; once.

        Raises:
            UnavailableError: the store does not answer; report it again.

        """
        assert payment.original_id is not None, "only returns are reported"
        if payment.state is not PaymentState.REJECTED:
            return
        if not is_contradicted_by_rail(await self.payments.events(payment.payment_id)):
            return

        async def choose(current: IncomingTransfer) -> IncomingDecision | None:
            facts = [each.fact for each in await self.decisions.store.events(current.payment_id)]
            known = [each for each in facts if each.kind is IncomingEvent.RETURN_CONTRADICTED]
            if any(each.details[RETURN_ID] == str(payment.payment_id) for each in known):
                return None
            fact = _ended(IncomingEvent.RETURN_CONTRADICTED, payment)
            return self.decisions.decider.decide(current, fact, at=self.decisions.clock.now())

        await self.decisions.take(payment.original_id, choose)

    async def _begun(self, transfer: IncomingTransfer) -> Payment | Reason:
        """The return as it stands, accepted now or before; or why it could not begin: then nothing has left."""
        try:
            message = await self.messages.of(transfer)
        except RetentionOverError:
            if await self.payments.claimed(transfer.tenant_id, [return_key_of(transfer)]):
                raise  # it was begun: what became of it must not be guessed
            return NOT_KEPT
        assert isinstance(message, CustomerCreditTransfer), "what comes back is not returned once more"
        events = await self.decisions.store.events(transfer.payment_id)
        new = self._new(transfer, message, _reason(events), started_at=_started_at(events))
        accepted = await self.payments.find_claim(new)
        if accepted is None:
            # What a person orders with a note ends the contradiction that it is about: this one is later than any.
            if transfer.attention is Attention.CONTRADICTED or await self._is_held(events):
                return HELD
            if (broken := self._broken(new)) is not None:
                return broken
            accepted = (await self.payments.accept([new]))[0]
        if accepted.payment is None or accepted.payment.original_id != transfer.payment_id:
            self.decisions.observer.parked(transfer.payment_id, f"{new.idempotency_key} is another payment's")
            return NOT_BEGUN
        if accepted.kind is AcceptKind.CREATED:
            self.decisions.forward(new.outbox)
        return accepted.payment

    def _broken(self, new: NewPayment) -> Reason | None:
        """Why the rail would refuse a return as we have made it: schema and profile, as for what a client sends."""
        report = self.protocols[new.rail].examine(new.message.body)
        if report.valid:
            return None
        codes = sorted({finding.code for finding in report.findings if finding.severity is Severity.ERROR})
        return Reason(INVALID, ReasonOrigin.GATEWAY, f"The return breaks the rail's rules: {', '.join(codes)}.")

    async def _is_held(self, events: Sequence[RecordedFact]) -> bool:
        """Whether the rail contradicts itself about a return that was looked into by nobody since it failed."""
        started = [each for each in events if each.fact.kind in _STARTING]
        if started and NOTE in started[-1].fact.details:
            return False
        for each in events:
            failed_id = each.fact.details.get(RETURN_ID)
            if failed_id is None or each.fact.kind is IncomingEvent.RETURN_SETTLED:
                continue
            failed = (await self.payments.load([PaymentId(UUID(failed_id))]))[PaymentId(UUID(failed_id))]
            await self.report(failed)
            if is_contradicted_by_rail(await self.payments.events(failed.payment_id)):
                return True
        return False

    def _new(
        self, transfer: IncomingTransfer, message: CustomerCreditTransfer, reason: Reason, *, started_at: datetime
    ) -> NewPayment:
        """The return as a payment: from the creditor's institution back to the debtor's, at home where that is.

        Its ids are of the day on which it was started, whoever begins it, and when: a region that takes it over asks
        about what the lost one may have sent, and sends nothing under another id.
        """
        protocol, key, now = self.protocols[transfer.rail], return_key_of(transfer), self.decisions.clock.now()
        rail, amount = self.decisions.decider.rails[transfer.rail], Amount(transfer.returning_cents)
        business_date = protocol.business_date(started_at)
        payment_id = payment_id_of(transfer.tenant_id, key, business_date)
        reference = reference_of("message", transfer.tenant_id, key, business_date)
        made = rail.return_of(
            transfer, message, amount=amount, reason=reason, reference=reference, business_date=business_date, at=now
        )
        deadline_at = protocol.timing.deadline(now)
        holder = FundsHolder.ARRIVED if transfer.state is IncomingState.RETURN_DUE else FundsHolder.TENANT
        return NewPayment(
            payment_id=payment_id,
            tenant_id=transfer.tenant_id,
            idempotency_key=key,
            slot=incoming_slot_of(transfer.rail, transfer.message_id),
            content_digest=_digest(self.vault, transfer.payment_id, amount, reason.code),
            rail=transfer.rail,
            message_id=made.message_id,
            end_to_end_id=made.end_to_end_id,
            instruction_id=made.instruction_id,
            uetr=made.uetr,
            amount=amount,
            debtor_agent=transfer.creditor_agent,
            creditor_agent=transfer.debtor_agent,
            debtor_account_index=transfer.creditor_account_index,
            creditor_account_index=account_index(self.vault, transfer.debtor_agent, message.debtor_account.reveal()),
            business_date=business_date,
            accepted_at=now,
            deadline_at=deadline_at,
            timer_at=protocol.timing.decided_by(deadline_at),
            message=RawMessage(
                message_id=self.decisions.decider.identifiers.new_uuid(),
                direction=MessageDirection.CLIENT_IN,
                message_type=made.message_type,
                business_message_id=made.message_id,
                content_type=XML_TYPE,
                body=made.body,
                at=now,
            ),
            outbox=(
                OutboundDelivery(
                    delivery_id_of(payment_id, Effect.QUEUE_TRANSFER, 1),
                    Queue.of(transfer.rail, QueueDirection.OUT, MessageClass.VALUE),
                    payment_id,
                    deadline_at,
                ),
            ),
            original_id=transfer.payment_id,
            funds_holder=holder,
        )


def _digest(vault: Vault, original_id: PaymentId, amount: Amount, reason_code: str) -> bytes:
    """What is equal for one return, whenever its pacs.004 was made."""
    content = {"original": str(original_id), AMOUNT: amount.cents, "reason": reason_code}
    return vault.blind_index("content", b"return:" + json.dumps(content).encode())


def kept_return(
    payment: Payment, received: RawMessage, *, key: IdempotencyKey, timing: Timing, vault: Vault
) -> NewPayment:
    """Return a return as it was accepted, made of its message as it is kept: replay holds both together. Pure."""
    assert payment.original_id is not None, "a return gives something back"
    money, code, original = _read_return(received, payment)
    deadline_at = timing.deadline(payment.accepted_at)
    return NewPayment(
        payment_id=payment_id_of(payment.tenant_id, key, payment.business_date),
        tenant_id=payment.tenant_id,
        idempotency_key=key,
        slot=incoming_slot_of(payment.rail, original),
        content_digest=_digest(vault, payment.original_id, money.amount, code),
        rail=payment.rail,
        message_id=money.message_id,
        end_to_end_id=money.end_to_end_id,
        instruction_id=money.instruction_id,
        uetr=money.uetr,
        amount=money.amount,
        debtor_agent=money.debtor_agent,
        creditor_agent=money.creditor_agent,
        debtor_account_index=account_index(vault, money.debtor_agent, money.debtor_account),
        creditor_account_index=account_index(vault, money.creditor_agent, money.creditor_account),
        business_date=payment.business_date,
        accepted_at=payment.accepted_at,
        deadline_at=deadline_at,
        timer_at=timing.decided_by(deadline_at),
        message=received,
        outbox=(),
        original_id=payment.original_id,
        funds_holder=payment.funds_holder,
    )


def _read_return(received: RawMessage, payment: Payment) -> tuple[Money, str, MessageId]:
    """What a return that was begun here moves, the code of why, and what names its original: also its slot.

    A pacs.008 names it by its instruction id alone. What is run again has one region: its slot decides nothing.
    """
    document = readable_document_in(received)
    if received.message_type == pacs008.MESSAGE_TYPE:
        transfer = pacs008.parse(document)
        words = "".join(line.reveal() for line in transfer.remittance)
        return sent(transfer), words.partition(REASON_ENDS)[0], MessageId(str(transfer.returned_instruction_id))
    message = pacs004.parse(document)
    codes, original = reason_codes(message), message.original_message
    assert original is not None, "a return of ours names its original"
    return returned(message, payment.end_to_end_id), codes[0] if codes else "", original.message_id


def _reason(events: Sequence[RecordedFact]) -> Reason:
    """Why the money goes back: what was said last when a return was started, or the posting was refused."""
    said = [each.fact.reason for each in events if each.fact.kind in _STARTING and each.fact.reason is not None]
    return said[-1] if said else UNEXPLAINED


def _started_at(events: Sequence[RecordedFact]) -> datetime:
    """When the return that is under way was started; what is said while one is under way starts none."""
    started = (
        each
        for each in events
        if each.state_before is not None
        and IncomingEffect.START_RETURN in advance_incoming(each.state_before, each.fact.kind).effects
    )
    return max(started, key=lambda each: (each.epoch, each.sequence)).at


def _ended(kind: IncomingEvent, payment: Payment) -> IncomingFact:
    """What a return has come to; its reason only where it has failed."""
    return IncomingFact(
        kind,
        payment.reason if payment.state is PaymentState.REJECTED else None,
        business_message_id=payment.message_id,
        details={RETURN_ID: str(payment.payment_id), AMOUNT: str(payment.amount.cents)},
    )

"""What is chained of a payment: the facts of its events as they are saved, for every store alike (docs/audit.md)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

from gateway.domain.audit import (
    ConversationFacts,
    EventFacts,
    IncomingTransferFacts,
    MessageFacts,
    PaymentFacts,
    chained,
)
from gateway.domain.conversation import Conversation, RecordedAct
from gateway.domain.events import Event, EventKind
from gateway.domain.incoming import ARRIVAL, IncomingEvent
from gateway.domain.incoming_transfer import IncomingFact, IncomingTransfer
from gateway.domain.payment import FundsHolder, Payment, RegionId
from gateway.domain.transitions import ACCEPTANCE
from gateway.service.ports.conversations import NewConversation
from gateway.service.ports.incoming import IncomingDecision, NewTransfer
from gateway.service.ports.keys import Sealed
from gateway.service.ports.store import Decision, NewPayment, RawMessage


def message_facts(message: RawMessage, sealed: Sealed, *, at: datetime | None = None) -> MessageFacts:
    """Return what is chained of a raw message; `at` is when it is kept as having come, if that is not its own time."""
    return MessageFacts(
        message_id=message.message_id,
        direction=message.direction.value,
        message_type=message.message_type,
        business_message_id=message.business_message_id,
        content_type=message.content_type,
        key_id=sealed.key_id,
        digest=hashlib.sha256(sealed.ciphertext).digest(),
        at=at or message.at,
    )


def payment_facts(new: NewPayment, funds_holder: FundsHolder, *, region: RegionId) -> PaymentFacts:
    """Return what a payment's first event follows."""
    return PaymentFacts(
        region=region,
        payment_id=new.payment_id,
        tenant_id=new.tenant_id,
        rail=new.rail.value,
        message_id=new.message_id,
        end_to_end_id=new.end_to_end_id,
        instruction_id=new.instruction_id,
        uetr=new.uetr,
        amount_cents=new.amount.cents,
        debtor_agent=new.debtor_agent,
        creditor_agent=new.creditor_agent,
        debtor_account_index=new.debtor_account_index,
        creditor_account_index=new.creditor_account_index,
        business_date=new.business_date,
        accepted_at=new.accepted_at,
        deadline_at=new.deadline_at,
        funds_holder=funds_holder.value,
        original_id=new.original_id,
    )


def acceptance_facts(new: NewPayment, *, region: RegionId) -> EventFacts:
    """Return what a payment's first event says."""
    return EventFacts(
        region=region,
        payment_id=new.payment_id,
        tenant_id=new.tenant_id,
        sequence=1,
        kind=EventKind.ACCEPTED.value,
        state_before=None,
        state_after=ACCEPTANCE.state.value,
        status=None,
        reason_code=None,
        reason_origin=None,
        reason_text=None,
        business_message_id=None,
        details={},
        contradiction=False,
        at=new.accepted_at,
    )


def first_digests(
    new: NewPayment, message: MessageFacts, *, region: RegionId, epoch: int
) -> Mapping[FundsHolder, bytes]:
    """Return the digest of a payment's first event, for whoever may turn out to hold the debtor's money.

    The tenant says who does, in the statement that accepts the payment; of a return it is known.
    """
    facts = acceptance_facts(new, region=region).digest([message])
    holders = (FundsHolder.TENANT, FundsHolder.CORE) if new.funds_holder is None else (new.funds_holder,)
    return {
        holder: chained(payment_facts(new, holder, region=region).digest(), epoch=epoch, facts=facts)
        for holder in holders
    }


def decision_facts(decision: Decision, *, region: RegionId) -> EventFacts:
    """Return what the event of a decision says, once it is saved."""
    return _event_facts(decision, decision.payment, decision.event, region=region)


def incoming_decision_facts(decision: IncomingDecision, *, region: RegionId) -> EventFacts:
    """Return what the event of a decision on an incoming transfer says, once it is saved."""
    return _event_facts(decision, decision.transfer, decision.fact, region=region)


def _event_facts(
    decision: Decision | IncomingDecision,
    subject: Payment | IncomingTransfer,
    event: Event | IncomingFact,
    *,
    region: RegionId,
) -> EventFacts:
    reason = event.reason
    return EventFacts(
        region=region,
        payment_id=subject.payment_id,
        tenant_id=subject.tenant_id,
        sequence=subject.version + 1,
        kind=event.kind.value,
        state_before=subject.state.value,
        state_after=decision.state.value,
        status=event.status,
        reason_code=None if reason is None else reason.code,
        reason_origin=None if reason is None else reason.origin.value,
        reason_text=None if reason is None else reason.text,
        business_message_id=event.business_message_id,
        details=event.details,
        contradiction=decision.contradiction,
        at=decision.at,
    )


def conversation_facts(new: NewConversation, *, region: RegionId) -> ConversationFacts:
    """Return what a conversation's first event follows."""
    opened = new.conversation
    return ConversationFacts(
        region=region,
        conversation_id=opened.conversation_id,
        tenant_id=opened.tenant_id,
        rail=opened.rail.value,
        kind=opened.kind.value,
        side=opened.side.value,
        message_id=opened.message_id,
        content_digest=new.content_digest,
        own_agent=opened.own_agent,
        counterparty=opened.counterparty,
        topic=opened.topic,
        amount_cents=None if opened.amount is None else opened.amount.cents,
        end_to_end_id=opened.end_to_end_id,
        about_id=opened.about_id,
        opened_at=opened.opened_at,
        pay_by=opened.pay_by,
        expires_at=opened.expires_at,
    )


def act_facts(of: Conversation, recorded: RecordedAct, details: Mapping[str, str], *, region: RegionId) -> EventFacts:
    """Return what an act in a conversation says, as an event of a payment is said: strange is what contradicts."""
    reason = recorded.reason
    return EventFacts(
        region=region,
        payment_id=of.conversation_id,
        tenant_id=of.tenant_id,
        sequence=recorded.sequence,
        kind=recorded.act.value,
        state_before=None if recorded.state_before is None else recorded.state_before.value,
        state_after=recorded.state_after.value,
        status=None,
        reason_code=None if reason is None else reason.code,
        reason_origin=None if reason is None else reason.origin.value,
        reason_text=None if reason is None else reason.text,
        business_message_id=recorded.business_message_id,
        details=details,
        contradiction=recorded.is_strange,
        at=recorded.at,
    )


def transfer_facts(new: NewTransfer, *, region: RegionId) -> IncomingTransferFacts:
    """Return what an incoming transfer's first event follows."""
    return IncomingTransferFacts(
        region=region,
        payment_id=new.payment_id,
        tenant_id=new.tenant_id,
        rail=new.rail.value,
        message_id=new.message_id,
        message_created_at=new.message_created_at,
        instruction_id=new.instruction_id,
        end_to_end_id=new.end_to_end_id,
        transaction_id=new.transaction_id,
        uetr=new.uetr,
        amount_cents=new.amount.cents,
        instructing_agent=new.instructing_agent,
        instructed_agent=new.instructed_agent,
        debtor_agent=new.debtor_agent,
        creditor_agent=new.creditor_agent,
        debtor_account_index=new.debtor_account_index,
        creditor_account_index=new.creditor_account_index,
        forwarded_at=new.forwarded_at,
        received_at=new.received_at,
        answer_by=new.answer_by,
        message_type=new.message_type,
        original_id=new.original_id,
    )


def arrival_facts(new: NewTransfer, *, region: RegionId) -> EventFacts:
    """Return what an incoming transfer's first event says."""
    return EventFacts(
        region=region,
        payment_id=new.payment_id,
        tenant_id=new.tenant_id,
        sequence=1,
        kind=IncomingEvent.RECEIVED.value,
        state_before=None,
        state_after=ARRIVAL.state.value,
        status=None,
        reason_code=None,
        reason_origin=None,
        reason_text=None,
        business_message_id=new.inbox_id,
        details={},
        contradiction=False,
        at=new.received_at,
    )


def first_incoming_digest(new: NewTransfer, message: MessageFacts, *, region: RegionId, epoch: int) -> bytes:
    """Return the digest of an incoming transfer's first event."""
    facts = arrival_facts(new, region=region).digest([message])
    return chained(transfer_facts(new, region=region).digest(), epoch=epoch, facts=facts)

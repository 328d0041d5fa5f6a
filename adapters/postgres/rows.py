"""Values to columns and rows to values, by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record

from gateway.domain.audit import MessageFacts
from gateway.domain.events import Event, EventKind
from gateway.domain.history import RecordedEvent, counts_transfer
from gateway.domain.payment import (
    FundsHolder,
    Payment,
    PaymentId,
    PaymentState,
    Rail,
    Reason,
    ReasonOrigin,
    RegionId,
    TenantId,
)
from gateway.domain.request import Request, RequestState
from gateway.service.chain import decision_facts, first_digests, message_facts
from gateway.service.ports import (
    Decision,
    IncomingDecision,
    MessageDirection,
    NewPayment,
    OutboundDelivery,
    RawMessage,
    Sealed,
    Vault,
)
from iso20022 import Amount, EndToEndId, InstructionId, MessageId, RoutingNumber, Uetr

Columns = list[list[Any]]
"""One list per parameter of a statement: what ``unnest`` takes."""


def columns(rows: Sequence[tuple[Any, ...]], width: int) -> Columns:
    """Turn rows into `width` columns; no rows give empty columns."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def digest_of(sealed: Sealed) -> bytes:
    """Return the SHA-256 of the ciphertext: the evidence stays valid when the key is destroyed."""
    return hashlib.sha256(sealed.ciphertext).digest()


def accept_columns(payments: Sequence[NewPayment], vault: Vault, *, region: RegionId, epochs: Sequence[int]) -> Columns:
    """Return the parameters of `statements.ACCEPT` after the region; each payment goes in under its slot's epoch."""
    rows, further = [], []
    for new, epoch in zip(payments, epochs, strict=True):
        sealed = vault.seal(new.message.body)
        message = message_facts(new.message, sealed, at=new.accepted_at)
        by_holder = first_digests(new, message, region=region, epoch=epoch)
        holders = (new.funds_holder or FundsHolder.TENANT, new.funds_holder or FundsHolder.CORE)
        told = new.funds_holder and new.funds_holder.value
        further.append((*(by_holder[holder] for holder in holders), new.original_id, told))
        rows.append(
            (
                new.tenant_id,
                new.idempotency_key,
                new.slot,
                new.content_digest,
                new.payment_id,
                new.rail.value,
                new.message_id,
                new.end_to_end_id,
                new.instruction_id,
                new.uetr,
                new.amount.cents,
                new.debtor_agent,
                new.creditor_agent,
                new.debtor_account_index,
                new.creditor_account_index,
                new.business_date,
                new.accepted_at,
                new.deadline_at,
                new.message.message_id,
                new.message.message_type,
                new.message.content_type,
                sealed.key_id,
                sealed.ciphertext,
                message.digest,
                new.message.business_message_id,
                new.message.direction.value,
                new.timer_at,
            )
        )
    queued = [_outbox_row(delivery) for new in payments for delivery in new.outbox]
    return [list(epochs), *columns(rows, 27), *columns(queued, 4), *columns(further, 4)]


class SavedWith:
    """What is saved with decisions of either kind, as the parameters of `statements.SAVED_WITH_IT` from $30 on."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._raw: list[tuple[Any, ...]] = []
        self._queued: list[tuple[Any, ...]] = []
        self._booked: list[tuple[Any, ...]] = []

    def add(self, payment_id: PaymentId, decision: Decision | IncomingDecision) -> Sequence[MessageFacts]:
        """Add what belongs to one decision; return what is chained of its messages."""
        messages = []
        for message in decision.messages:
            sealed = self._vault.seal(message.body)
            messages.append(message_facts(message, sealed))
            self._raw.append(_message_row(payment_id, messages[-1], sealed))
        self._queued += [_outbox_row(delivery) for delivery in decision.outbox]
        self._booked += [
            (payment_id, each.kind.value, each.debit.value, each.credit.value, each.amount.cents)
            for each in decision.postings
        ]
        return messages

    def columns(self) -> Columns:
        """Return the parameters."""
        return [*columns(self._raw, 10), *columns(self._queued, 4), *columns(self._booked, 5)]


def save_columns(decisions: Sequence[Decision], vault: Vault, *, region: RegionId) -> Columns:
    """Return the parameters of `statements.SAVE` after region and rail."""
    rows, facts, saved_with = [], [], SavedWith(vault)
    returned = [(decision.returned_cents, *request_columns(decision.request)) for decision in decisions]
    for decision in decisions:
        rows.append(_decision_row(decision))
        messages = saved_with.add(decision.payment.payment_id, decision)
        facts.append(decision_facts(decision, region=region).digest(messages))
    return [*columns(rows, 27), *saved_with.columns(), facts, *columns(returned, 4)]


def _decision_row(decision: Decision) -> tuple[Any, ...]:
    payment, event = decision.payment, decision.event
    reason, shown = event.reason, decision.reason
    return (
        payment.payment_id,
        payment.tenant_id,
        payment.version,
        event.kind.value,
        payment.state.value,
        decision.state.value,
        event.status,
        reason and reason.code,
        reason and reason.origin.value,
        reason and reason.text,
        event.business_message_id,
        json.dumps(event.details),
        decision.at,
        decision.timer is not None,
        decision.timer if isinstance(decision.timer, datetime) else None,
        decision.creation_time,
        decision.inbox_id,
        int(event.kind is EventKind.STATUS_REQUESTED),
        decision.status,
        shown and shown.code,
        shown and shown.origin.value,
        shown and shown.text,
        decision.at if decision.state.is_final else None,
        decision.inbox_digest,
        decision.contradiction,
        int(counts_transfer(event.kind)),
        int(event.kind is EventKind.PINGED),
    )


def _message_row(payment_id: PaymentId, message: MessageFacts, sealed: Sealed) -> tuple[Any, ...]:
    return (
        payment_id,
        message.message_id,
        message.direction,
        message.message_type,
        message.business_message_id,
        message.content_type,
        message.key_id,
        sealed.ciphertext,
        message.digest,
        message.at,
    )


def _outbox_row(delivery: OutboundDelivery) -> tuple[Any, ...]:
    return (delivery.delivery_id, delivery.queue.value, delivery.payment_id, delivery.deadline_at)


def reason_from(row: Record) -> Reason | None:
    """Return the reason that a row of a projection or of the history says, if it says one."""
    if row["reason_code"] is None:
        return None
    return Reason(row["reason_code"], ReasonOrigin(row["reason_origin"]), row["reason_text"])


def payment_from(row: Record) -> Payment:
    """Return the payment that a row of facts and projection says."""
    state = PaymentState(row["state"])
    return Payment(
        payment_id=PaymentId(_uuid(row["payment_id"])),
        tenant_id=TenantId(row["tenant_id"]),
        rail=Rail(row["rail"]),
        state=state,
        version=row["version"],
        message_id=MessageId(row["message_id"]),
        end_to_end_id=EndToEndId(row["end_to_end_id"]),
        instruction_id=None if row["instruction_id"] is None else InstructionId(row["instruction_id"]),
        uetr=None if row["uetr"] is None else Uetr(row["uetr"]),
        amount=Amount(row["amount_cents"]),
        debtor_agent=RoutingNumber(row["debtor_agent"]),
        creditor_agent=RoutingNumber(row["creditor_agent"]),
        business_date=row["business_date"],
        accepted_at=row["accepted_at"],
        deadline_at=row["deadline_at"],
        updated_at=row["updated_at"],
        creation_time=row["creation_time"],
        status=row["status"],
        reason=reason_from(row),
        transfers=row["transfers"],
        status_requests=row["status_requests"],
        pings=row["pings"],
        next_step_at=row["timer_at"],
        final_at=row["final_at"],
        funds_holder=FundsHolder(row["funds_holder"]),
        original_id=None if row["original_id"] is None else PaymentId(_uuid(row["original_id"])),
        returned_cents=row["returned_cents"],
        request=request_from(row),
        is_taken_over=row["is_taken_over"],
        ask_after=row["ask_after"],
        region=RegionId(row["region"]),
        accepted_in=RegionId(row["accepted_in"]),
    )


def request_columns(request: Request) -> tuple[str, str | None, datetime | None]:
    """Return a request for a return as the columns of a projection."""
    return (request.state.value, request.message_id, request.due_at)


def request_from(row: Record) -> Request:
    """Return the request for a return that a row of a projection says."""
    return Request(RequestState(row["request_state"]), row["request_message_id"], row["request_due_at"])


def event_from(row: Record) -> RecordedEvent:
    """Return the event that a row of the history says."""
    before = row["state_before"]
    return RecordedEvent(
        sequence=row["sequence"],
        event=Event(
            kind=EventKind(row["kind"]),
            reason=reason_from(row),
            status=row["status"],
            business_message_id=row["business_message_id"],
            details=json.loads(row["details"]),
        ),
        state_before=None if before is None else PaymentState(before),
        state_after=PaymentState(row["state_after"]),
        at=row["at"],
        region=row["region"],
        epoch=row["epoch"],
    )


def message_from(row: Record, vault: Vault) -> RawMessage:
    """Return the message that a row keeps, opened."""
    return RawMessage(
        message_id=_uuid(row["raw_id"]),
        direction=MessageDirection(row["direction"]),
        message_type=row["message_type"],
        business_message_id=row["business_message_id"],
        content_type=row["content_type"],
        body=vault.open(Sealed(row["key_id"], row["body"])),
        at=row["at"],
    )


def _uuid(value: UUID) -> UUID:
    return UUID(int=value.int)  # asyncpg's own subclass stays inside the adapter

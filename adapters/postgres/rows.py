"""Values to columns and rows to values, by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from asyncpg import Record

from gateway.domain.audit import MessageFacts
from gateway.domain.events import Event, EventKind
from gateway.domain.history import RecordedEvent, counts_transfer
from gateway.domain.incoming_transfer import IncomingFact, IncomingTransfer
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


def records(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as the JSON that ``json_to_recordset`` takes; bytes are in hexadecimal.

    One parameter for all columns: to bind and unnest thirty arrays costs both sides more than the rows that are in
    them, which are a few (docs/adr/0049).

    Raises:
        ValueError: a value has no place in a row, such as text that is no UTF-8.

    """
    try:
        return orjson.dumps(rows, default=_as_text).decode()
    except TypeError as error:
        raise ValueError(f"no row: {error}") from error


def _as_text(value: object) -> str:
    """What JSON has no form for."""
    match value:
        case bytes():
            return f"\\x{value.hex()}"
        case UUID():  # asyncpg's own subclass
            return str(value)
        case _:
            raise TypeError(f"{type(value).__name__} is no type of a column")


def accept_parameters(
    payments: Sequence[NewPayment], vault: Vault, *, region: RegionId, epochs: Sequence[int]
) -> Sequence[Any]:
    """Return the parameters of `statements.ACCEPT` after the region; each payment goes in under its slot's epoch."""
    rows, bodies = [], []
    for new, epoch in zip(payments, epochs, strict=True):
        sealed = vault.seal(new.message.body)
        bodies.append(sealed.ciphertext)
        message = message_facts(new.message, sealed, at=new.accepted_at)
        by_holder = first_digests(new, message, region=region, epoch=epoch)
        rows.append(
            {
                "epoch": epoch,
                "tenant_id": new.tenant_id,
                "idempotency_key": new.idempotency_key,
                "slot": new.slot,
                "content_digest": new.content_digest,
                "payment_id": new.payment_id,
                "rail": new.rail.value,
                "message_id": new.message_id,
                "end_to_end_id": new.end_to_end_id,
                "instruction_id": new.instruction_id,
                "uetr": new.uetr,
                "amount_cents": new.amount.cents,
                "debtor_agent": new.debtor_agent,
                "creditor_agent": new.creditor_agent,
                "debtor_account_index": new.debtor_account_index,
                "creditor_account_index": new.creditor_account_index,
                "business_date": new.business_date,
                "accepted_at": new.accepted_at,
                "deadline_at": new.deadline_at,
                "raw_id": new.message.message_id,
                "message_type": new.message.message_type,
                "content_type": new.message.content_type,
                "key_id": sealed.key_id,
                "body": len(bodies),
                "digest": message.digest,
                "business_message_id": new.message.business_message_id,
                "direction": new.message.direction.value,
                "timer_at": new.timer_at,
                "digest_with_tenant": by_holder[new.funds_holder or FundsHolder.TENANT],
                "digest_with_core": by_holder[new.funds_holder or FundsHolder.CORE],
                "original_id": new.original_id,
                "known_holder": new.funds_holder and new.funds_holder.value,
                "deliveries": len(new.outbox),
            }
        )
    queued = [_outbox_row(delivery) for new in payments for delivery in new.outbox]
    return records(rows), bodies, records(queued)


class SavedWith:
    """What is saved with decisions of either kind, as the parameters of `statements.SAVED_WITH_IT` from $4 on."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._raw: list[Mapping[str, Any]] = []
        self._bodies: list[bytes] = []
        self._queued: list[Mapping[str, Any]] = []
        self._booked: list[Mapping[str, Any]] = []

    def add(self, payment_id: PaymentId, decision: Decision | IncomingDecision) -> Sequence[MessageFacts]:
        """Add what belongs to one decision; return what is chained of its messages."""
        messages = []
        for message in decision.messages:
            sealed = self._vault.seal(message.body)
            self._bodies.append(sealed.ciphertext)
            messages.append(message_facts(message, sealed))
            self._raw.append(_message_row(payment_id, messages[-1], body=len(self._bodies)))
        self._queued += [_outbox_row(delivery) for delivery in decision.outbox]
        self._booked += [
            {
                "payment_id": payment_id,
                "kind": each.kind.value,
                "debit": each.debit.value,
                "credit": each.credit.value,
                "amount_cents": each.amount.cents,
            }
            for each in decision.postings
        ]
        return messages

    def parameters(self) -> Sequence[Any]:
        """Return the parameters."""
        return records(self._raw), self._bodies, records(self._queued), records(self._booked)


def save_parameters(decisions: Sequence[Decision], vault: Vault, *, region: RegionId) -> Sequence[Any]:
    """Return the parameters of `statements.SAVE` after region and rail."""
    rows, saved_with = [], SavedWith(vault)
    for decision in decisions:
        messages = saved_with.add(decision.payment.payment_id, decision)
        facts = decision_facts(decision, region=region).digest(messages)
        rows.append({**_decision_row(decision), "event_facts": facts})
    return records(rows), *saved_with.parameters()


def _decision_row(decision: Decision) -> dict[str, Any]:
    payment, event = decision.payment, decision.event
    return step_row(payment, event, decision, asks=event.kind is EventKind.STATUS_REQUESTED) | {
        "creation_time": decision.creation_time,
        "transfers": int(counts_transfer(event.kind)),
        "pings": int(event.kind is EventKind.PINGED),
        "returned_cents": decision.returned_cents,
    }


def step_row(
    current: Payment | IncomingTransfer,
    said: Event | IncomingFact,
    decision: Decision | IncomingDecision,
    *,
    asks: bool,
) -> dict[str, Any]:
    """The row of one step, what a payment's and an incoming transfer's have in common; `asks`: the rail was asked."""
    reason, shown = said.reason, decision.reason
    return {
        "payment_id": current.payment_id,
        "tenant_id": current.tenant_id,
        "expected_version": current.version,
        "kind": said.kind.value,
        "state_before": current.state.value,
        "state_after": decision.state.value,
        "event_status": said.status,
        "event_reason_code": reason and reason.code,
        "event_reason_origin": reason and reason.origin.value,
        "event_reason_text": reason and reason.text,
        "business_message_id": said.business_message_id,
        "details": json.dumps(said.details),
        "at": decision.at,
        "timer_changes": decision.timer is not None,
        "timer_at": decision.timer if isinstance(decision.timer, datetime) else None,
        "inbox_id": decision.inbox_id,
        "inbox_digest": decision.inbox_digest,
        "status_requests": int(asks),
        "status": decision.status,
        "reason_code": shown and shown.code,
        "reason_origin": shown and shown.origin.value,
        "reason_text": shown and shown.text,
        "final_at": decision.at if decision.state.is_final else None,
        "contradiction": decision.contradiction,
        "messages": len(decision.messages),
        "deliveries": len(decision.outbox),
        "postings": len(decision.postings),
        **request_row(decision.request),
    }


def _message_row(payment_id: PaymentId, message: MessageFacts, *, body: int) -> Mapping[str, Any]:
    """The row of a message; `body` is the place of its sealed bytes, counted from 1."""
    return {
        "payment_id": payment_id,
        "message_id": message.message_id,
        "direction": message.direction,
        "message_type": message.message_type,
        "business_message_id": message.business_message_id,
        "content_type": message.content_type,
        "key_id": message.key_id,
        "body": body,
        "digest": message.digest,
        "at": message.at,
    }


def _outbox_row(delivery: OutboundDelivery) -> Mapping[str, Any]:
    return {
        "delivery_id": delivery.delivery_id,
        "queue": delivery.queue.value,
        "payment_id": delivery.payment_id,
        "deadline_at": delivery.deadline_at,
    }


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


def request_row(request: Request) -> Mapping[str, Any]:
    """Return the same under the columns' names."""
    return dict(zip(("request_state", "request_message_id", "request_due_at"), request_columns(request), strict=True))


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
        contradiction=row["contradiction"],
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

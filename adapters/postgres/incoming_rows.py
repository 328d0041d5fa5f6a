"""Incoming transfers: values to rows and rows to values, by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record

from adapters.postgres.rows import SavedWith, reason_from, records, request_from, step_row
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import (
    Attention,
    IncomingFact,
    IncomingTransfer,
    RecordedFact,
    contrary_word_from,
)
from gateway.domain.payment import PaymentId, Rail, RegionId, TenantId
from gateway.service.chain import first_incoming_digest, incoming_decision_facts, message_facts
from gateway.service.ports import IncomingDecision, NewTransfer, Vault
from iso20022 import Amount, EndToEndId, InstructionId, MessageId, RoutingNumber, TransactionId, Uetr


def admit_parameters(
    transfers: Sequence[NewTransfer], vault: Vault, *, region: RegionId, epochs: Sequence[int]
) -> Sequence[Any]:
    """Return the parameters of `incoming_statements.ADMIT` after the region; `epochs` are those of the slots."""
    rows, bodies = [], []
    for new, epoch in zip(transfers, epochs, strict=True):
        sealed = vault.seal(new.message.body)
        bodies.append(sealed.ciphertext)
        message = message_facts(new.message, sealed, at=new.received_at)
        rows.append(
            {
                "epoch": epoch,
                "payment_id": new.payment_id,
                "tenant_id": new.tenant_id,
                "rail": new.rail.value,
                "message_id": new.message_id,
                "message_created_at": new.message_created_at,
                "instruction_id": new.instruction_id,
                "end_to_end_id": new.end_to_end_id,
                "transaction_id": new.transaction_id,
                "uetr": new.uetr,
                "amount_cents": new.amount.cents,
                "instructing_agent": new.instructing_agent,
                "instructed_agent": new.instructed_agent,
                "debtor_agent": new.debtor_agent,
                "creditor_agent": new.creditor_agent,
                "debtor_account_index": new.debtor_account_index,
                "creditor_account_index": new.creditor_account_index,
                "forwarded_at": new.forwarded_at,
                "received_at": new.received_at,
                "answer_by": new.answer_by,
                "timer_at": new.timer_at,
                "inbox_id": new.inbox_id,
                "inbox_digest": new.inbox_digest,
                "raw_id": new.message.message_id,
                "message_type": new.message.message_type,
                "content_type": new.message.content_type,
                "key_id": sealed.key_id,
                "body": len(bodies),
                "digest": message.digest,
                "event_digest": first_incoming_digest(new, message, region=region, epoch=epoch),
                "slot": new.slot,
                "original_id": new.original_id,
            }
        )
    return records(rows), bodies


def incoming_save_parameters(decisions: Sequence[IncomingDecision], vault: Vault, *, region: RegionId) -> Sequence[Any]:
    """Return the parameters of `incoming_statements.SAVE` after region and rail."""
    rows, saved_with = [], SavedWith(vault)
    for decision in decisions:
        messages = saved_with.add(decision.transfer.payment_id, decision)
        facts = incoming_decision_facts(decision, region=region).digest(messages)
        rows.append({**_decision_row(decision), "event_facts": facts})
    return records(rows), *saved_with.parameters()


def _decision_row(decision: IncomingDecision) -> dict[str, Any]:
    transfer, fact = decision.transfer, decision.fact
    return step_row(transfer, fact, decision, asks=fact.kind is IncomingEvent.STATUS_REQUESTED) | {
        "unsent_at": decision.unsent_at,
        "answer": decision.answer,
        "returns": decision.returns.started,
        "returning_cents": decision.returns.returning_cents,
        "returned_cents": decision.returns.returned_cents,
        "attention": decision.attention and decision.attention.value,
        "contrary_word": decision.contrary_word and decision.contrary_word.value,
    }


def transfer_from(row: Record) -> IncomingTransfer:
    """Return the incoming transfer that a row of facts and projection says."""
    return IncomingTransfer(
        payment_id=_id(row["payment_id"]),
        tenant_id=TenantId(row["tenant_id"]),
        rail=Rail(row["rail"]),
        state=IncomingState(row["state"]),
        version=row["version"],
        message_id=MessageId(row["message_id"]),
        message_created_at=row["message_created_at"],
        instruction_id=None if row["instruction_id"] is None else InstructionId(row["instruction_id"]),
        end_to_end_id=EndToEndId(row["end_to_end_id"]),
        transaction_id=None if row["transaction_id"] is None else TransactionId(row["transaction_id"]),
        uetr=None if row["uetr"] is None else Uetr(row["uetr"]),
        amount=Amount(row["amount_cents"]),
        instructing_agent=RoutingNumber(row["instructing_agent"]),
        instructed_agent=RoutingNumber(row["instructed_agent"]),
        debtor_agent=RoutingNumber(row["debtor_agent"]),
        creditor_agent=RoutingNumber(row["creditor_agent"]),
        creditor_account_index=bytes(row["creditor_account_index"]),
        forwarded_at=row["forwarded_at"],
        received_at=row["received_at"],
        answer_by=row["answer_by"],
        updated_at=row["updated_at"],
        answer=row["answer"],
        status=row["status"],
        reason=reason_from(row),
        status_requests=row["status_requests"],
        next_step_at=row["timer_at"],
        unsent_at=row["unsent_at"],
        final_at=row["final_at"],
        is_taken_over=row["is_taken_over"],
        ask_after=row["ask_after"],
        message_type=row["message_type"],
        original_id=None if row["original_id"] is None else _id(row["original_id"]),
        returns=row["returns"],
        returning_cents=row["returning_cents"],
        returned_cents=row["returned_cents"],
        request=request_from(row),
        attention=None if row["attention"] is None else Attention(row["attention"]),
        region=RegionId(row["region"]),
        contrary_word=None if row["contrary_word"] is None else contrary_word_from(row["contrary_word"]),
    )


def fact_from(row: Record) -> RecordedFact:
    """Return the fact that a row of the history says."""
    before = row["state_before"]
    return RecordedFact(
        sequence=row["sequence"],
        fact=IncomingFact(
            kind=IncomingEvent(row["kind"]),
            reason=reason_from(row),
            status=row["status"],
            business_message_id=row["business_message_id"],
            details=json.loads(row["details"]),
        ),
        state_before=None if before is None else IncomingState(before),
        state_after=IncomingState(row["state_after"]),
        at=row["at"],
        region=row["region"],
        epoch=row["epoch"],
    )


def _id(value: UUID) -> PaymentId:
    return PaymentId(UUID(int=value.int))  # asyncpg's own subclass stays inside the adapter

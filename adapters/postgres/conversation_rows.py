"""Rows of conversations as values."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from adapters.postgres.rows import reason_from
from gateway.domain.conversation import (
    Act,
    Conversation,
    ConversationId,
    ConversationKind,
    ConversationState,
    RecordedAct,
    Side,
)
from gateway.domain.payment import PaymentId, Rail, RegionId, TenantId
from iso20022 import Amount, EndToEndId, MessageId, RoutingNumber


def conversation_from(row: Any) -> Conversation:
    """Return the conversation that a row of facts and projection says."""
    return Conversation(
        conversation_id=ConversationId(_uuid(row["conversation_id"])),
        tenant_id=TenantId(row["tenant_id"]),
        rail=Rail(row["rail"]),
        kind=ConversationKind(row["kind"]),
        side=Side(row["side"]),
        message_id=MessageId(row["message_id"]),
        own_agent=RoutingNumber(row["own_agent"]),
        counterparty=RoutingNumber(row["counterparty"]),
        topic=row["topic"],
        amount=None if row["amount_cents"] is None else Amount(row["amount_cents"]),
        end_to_end_id=None if row["end_to_end_id"] is None else EndToEndId(row["end_to_end_id"]),
        about_id=None if row["about_id"] is None else PaymentId(_uuid(row["about_id"])),
        is_about_request=row["about_request"],
        opened_at=row["opened_at"],
        pay_by=row["pay_by"],
        expires_at=row["expires_at"],
        state=ConversationState(row["state"]),
        version=row["version"],
        due_at=row["due_at"],
        updated_at=row["updated_at"],
        payment_id=None if row["payment_id"] is None else PaymentId(_uuid(row["payment_id"])),
        withdrawal_id=row["withdrawal_id"],
        needs_attention=row["attention"],
        region=RegionId(row["region"]),
    )


def act_from(row: Any) -> RecordedAct:
    """Return the act that a row says.

    Raises:
        ValueError: it is one that this release does not know.

    """
    before = row["state_before"]
    return RecordedAct(
        sequence=row["sequence"],
        act=Act(row["act"]),
        state_before=None if before is None else ConversationState(before),
        state_after=ConversationState(row["state_after"]),
        reason=reason_from(row),
        business_message_id=row["business_message_id"],
        is_strange=row["strange"],
        at=row["at"],
        region=RegionId(row["region"]),
        epoch=row["epoch"],
        payment_id=None if row["payment_id"] is None else PaymentId(_uuid(row["payment_id"])),
    )


def _uuid(value: UUID) -> UUID:
    return UUID(int=value.int)  # asyncpg's own subclass stays inside the adapter

"""Incoming transfers for tests of the domain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import PaymentId, Rail, TenantId
from iso20022 import Amount, EndToEndId, MessageId, RoutingNumber

ARRIVED: Final = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)


def transfer(
    *, state: IncomingState = IncomingState.RECEIVED, cents: int = 5_174, answer: str | None = None
) -> IncomingTransfer:
    """A transfer that has just come from the rail, or stands in another state."""
    return IncomingTransfer(
        payment_id=PaymentId(UUID(int=7)),
        tenant_id=TenantId("default"),
        rail=Rail.FEDNOW,
        state=state,
        version=1,
        message_id=MessageId("20261123990001106SAMPLE0001"),
        message_created_at=ARRIVED,
        instruction_id=None,
        end_to_end_id=EndToEndId("E2E-1"),
        transaction_id=None,
        uetr=None,
        amount=Amount(cents),
        instructing_agent=RoutingNumber("990001106"),
        instructed_agent=RoutingNumber("990000107"),
        debtor_agent=RoutingNumber("990001106"),
        creditor_agent=RoutingNumber("990000107"),
        creditor_account_index=b"index",
        forwarded_at=ARRIVED,
        received_at=ARRIVED,
        answer_by=ARRIVED + timedelta(seconds=5),
        updated_at=ARRIVED,
        answer=answer,
    )

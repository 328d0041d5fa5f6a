"""The pacs.002 about a received transfer, as far as both rails say it alike."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.service.dialect import rail_time
from iso20022 import MessageId, PaymentStatusReport, StatusReason, TransactionStatus


def status_about(
    transfer: IncomingTransfer,
    status: str,
    reasons: tuple[StatusReason, ...],
    *,
    message_id: MessageId,
    zone: ZoneInfo,
    at: datetime,
) -> PaymentStatusReport:
    """Return the status of a received transfer: from its receiver's institution to its sender's."""
    return PaymentStatusReport(
        message_id=message_id,
        creation_time=rail_time(at, zone),
        original_message_id=transfer.message_id,
        original_message_name=transfer.message_type,
        original_creation_time=rail_time(transfer.message_created_at, zone),
        original_instruction_id=transfer.instruction_id,
        original_end_to_end_id=transfer.end_to_end_id,
        original_transaction_id=transfer.transaction_id,
        original_uetr=transfer.uetr,
        status=TransactionStatus(status),
        reasons=reasons,
        instructing_agent=transfer.instructed_agent,
        instructed_agent=transfer.instructing_agent,
    )

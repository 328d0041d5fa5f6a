"""What the rail says of a payment of ours, in its words."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Final

from gateway.domain.payment import Payment
from iso20022 import (
    FEDNOW_ID,
    FEDNOW_PRACTICE,
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    EnvelopeKind,
    MessageId,
    PaymentStatusReport,
    RoutingNumber,
    StatusReason,
    TransactionStatus,
    header,
    pacs002,
    wrap,
)
from iso20022.messages import pacs004, pacs008, pacs028
from tests.fakes.incoming_rail import PARTY

_NUMBERS: Final = count(1)


def about(
    payment: Payment,
    status: str,
    *,
    code: str | None = None,
    at: datetime,
    said_by: RoutingNumber | None = None,
    question: str | None = None,
) -> bytes:
    """A pacs.002 about a transfer, or a return, that was sent; `said_by` an institution, and relayed.

    With `question` it answers that pacs.028, and `code` is the rail's own.
    """
    number = next(_NUMBERS)
    name = pacs004.MESSAGE_TYPE if payment.is_return else pacs008.MESSAGE_TYPE
    name = name if question is None else pacs028.MESSAGE_TYPE
    reason = StatusReason(code=code) if question is None else StatusReason(proprietary=code)
    report = PaymentStatusReport(
        message_id=MessageId(f"RAIL{number:08}"),
        creation_time=at,
        original_message_id=payment.message_id if question is None else MessageId(question),
        original_message_name=name,
        original_end_to_end_id=payment.end_to_end_id,
        original_uetr=payment.uetr,
        status=TransactionStatus(status),
        reasons=() if code is None else (reason,),
        instructing_agent=said_by or RoutingNumber(FEDNOW_ID),
        instructed_agent=RoutingNumber(PARTY),
    )
    said = BusinessHeader(
        sender=ConnectionPartyId(FEDNOW_ID),
        receiver=PARTY,
        business_message_id=BusinessMessageId(f"SAID{number:08}"),
        message_type=pacs002.MESSAGE_TYPE,
        market_practice=FEDNOW_PRACTICE,
        creation_time=at,
    )
    return wrap(EnvelopeKind.FEDNOW_OUTGOING, header.build(said), pacs002.build(report))

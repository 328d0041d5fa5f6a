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
from iso20022.messages import pacs004, pacs008
from tests.fakes.incoming_rail import PARTY

_NUMBERS: Final = count(1)


def about(
    payment: Payment,
    status: str,
    *,
    at: datetime,
    code: str | None = None,
    proprietary: str | None = None,
    said_by: RoutingNumber | None = None,
    to: RoutingNumber | None = None,
    of: str | None = None,
) -> bytes:
    """A pacs.002 about what was sent; `said_by` an institution, and relayed; `of` a question about it."""
    number = next(_NUMBERS)
    report = PaymentStatusReport(
        message_id=MessageId(f"RAIL{number:08}"),
        creation_time=at,
        original_message_id=MessageId(of or payment.message_id),
        original_message_name=pacs004.MESSAGE_TYPE if payment.is_return else pacs008.MESSAGE_TYPE,
        original_end_to_end_id=payment.end_to_end_id,
        original_uetr=payment.uetr,
        status=TransactionStatus(status),
        reasons=() if code is None and proprietary is None else (StatusReason(code=code, proprietary=proprietary),),
        instructing_agent=said_by or RoutingNumber(FEDNOW_ID),
        instructed_agent=to or RoutingNumber(PARTY),
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

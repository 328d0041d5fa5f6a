"""FedNow's messages of return requests: camt.056, its answer camt.029, and the receipt admi.007 for either.

Source: FedNow Operating Procedures v2.1 (October 2024), sections 9 and 14; the answer's market practice as in
`iso20022.profiles.fednow`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.identity import request_reference_of
from gateway.domain.payment import Payment, Reason
from gateway.domain.return_request import is_in_time
from gateway.service.dialect import rail_time
from gateway.service.fednow import FedNowDialect
from gateway.service.ports import MessageClass
from gateway.service.rail_protocol import OutboundMessage
from iso20022 import (
    CustomerCreditTransfer,
    MessageId,
    PaymentCancellationRequest,
    Personal,
    ReceiptAcknowledgement,
    Resolution,
)
from iso20022.messages import admi007, camt029, camt056, pacs008
from iso20022.messages.actors import Agent
from iso20022.messages.admi007 import Receipt
from iso20022.messages.camt029 import Confirmation, PaymentResolution
from iso20022.messages.investigation import Case
from iso20022.messages.original import OriginalMessage
from iso20022.messages.original import Reason as StatedReason
from iso20022.messages.shape import Code

_PRACTICE: Final = "frb.fednow.rrr.01"
"""The market practice of the answer to a return request."""

_TRANSMITTED: Final = "TS01"


class FedNowRequests:
    """Makes the messages; pure. Made of the same things they have the same ids."""

    reasons: Final[frozenset[str]] = frozenset()
    refusals: Final[frozenset[str]] = frozenset()
    defers: Final = True

    def __init__(self, dialect: FedNowDialect) -> None:
        self._dialect = dialect
        self._zone = ZoneInfo(dialect.profile.time_zone)

    def ask(
        self,
        payment: Payment,
        sent: CustomerCreditTransfer,
        reason: Reason,
        *,
        case_id: str | None = None,
        at: datetime,
    ) -> OutboundMessage:
        """Return the request to give back a payment; a new case's id is the message's own."""
        message_id = self._id("return-request", f"{payment.payment_id}:{payment.version}", at)
        author, reader = Agent(member_id=sent.instructing_agent), Agent(member_id=sent.instructed_agent)
        request = PaymentCancellationRequest(
            message_id=message_id,
            assigner=author,
            assignee=reader,
            creation_time=rail_time(at, self._zone),
            case=Case(id=case_id or message_id, creator=author),
            original_message=OriginalMessage(
                message_id=sent.message_id, message_name=pacs008.MESSAGE_TYPE, creation_time=sent.creation_time
            ),
            original_instruction_id=sent.instruction_id,
            original_end_to_end_id=sent.end_to_end_id,
            original_transaction_id=sent.transaction_id,
            original_uetr=sent.uetr,
            original_amount=sent.amount,
            original_settlement_date=sent.settlement_date,
            reasons=(_stated(reason),),
        )
        document = camt056.build(request)
        return self._dialect.message(message_id, camt056.MESSAGE_TYPE, document, MessageClass.NONVALUE, at)

    def answer(
        self, request: PaymentCancellationRequest, confirmation: str, reason: Reason | None, *, at: datetime
    ) -> OutboundMessage:
        """Return our answer to a request, in its own words; a refusal has a reason."""
        message_id = self._id("return-answer", f"{request.message_id}:{confirmation}", at)
        resolution = Resolution(
            message_id=message_id,
            assigner=request.assignee,
            assignee=request.assigner,
            creation_time=rail_time(at, self._zone),
            resolved_case=request.case,
            confirmation=Confirmation(confirmation),
            payments=(
                PaymentResolution(
                    original_message=request.original_message,
                    original_instruction_id=request.original_instruction_id,
                    original_end_to_end_id=request.original_end_to_end_id,
                    original_transaction_id=request.original_transaction_id,
                    original_uetr=request.original_uetr,
                    reasons=() if reason is None else (_stated(reason),),
                ),
            ),
        )
        document = camt029.build(resolution)
        practice = replace(self._dialect.profile.market_practice, id=_PRACTICE)
        return self._dialect.message(
            message_id, camt029.MESSAGE_TYPE, document, MessageClass.NONVALUE, at, practice=practice
        )

    def is_in_time(self, *, settled_at: datetime, asked_at: datetime, reason_code: str | None) -> bool:
        """Whether it may be asked for; see `gateway.domain.return_request`."""
        return is_in_time(settled_at=settled_at, asked_at=asked_at, reason_code=reason_code)

    def receipt(self, message: PaymentCancellationRequest | Resolution, *, at: datetime) -> OutboundMessage:
        """Return our acknowledgement that a request or an answer has arrived, an admi.007."""
        is_request = isinstance(message, PaymentCancellationRequest)
        message_type = camt056.MESSAGE_TYPE if is_request else camt029.MESSAGE_TYPE
        return self.receipt_of(message.message_id, message_type, at=at)

    def receipt_of(self, message_id: str, message_type: str, *, at: datetime) -> OutboundMessage:
        """Return our acknowledgement that the message with this id has arrived."""
        own_id = self._id("receipt", message_id, at)
        acknowledgement = ReceiptAcknowledgement(
            message_id=own_id,
            creation_time=rail_time(at, self._zone),
            receipts=(
                Receipt(
                    related_reference=MessageId(message_id),
                    related_message_name=message_type,
                    status_code=_TRANSMITTED,
                ),
            ),
        )
        document = admi007.build(acknowledgement)
        return self._dialect.message(own_id, admi007.MESSAGE_TYPE, document, MessageClass.SYSTEM, at)

    def _id(self, purpose: str, of: str, at: datetime) -> MessageId:
        return self._dialect.message_id(at.astimezone(self._zone).date(), request_reference_of(purpose, of))


def _stated(reason: Reason) -> StatedReason:
    additional = () if reason.text is None else (Personal(reason.text),)
    return StatedReason(reason=Code(reason.code), additional=additional)

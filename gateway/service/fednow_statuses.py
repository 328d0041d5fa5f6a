"""FedNow's answers to another institution's pacs.028: admi.007, and pacs.002 or pain.014 with the latest status.

Source: FedNow Operating Procedures v2.1 (October 2024), sections 9 and 14. Where the original of a refusal stands is
not public: here it is the question, as the service itself refuses questions.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.conversation import Conversation
from gateway.domain.identity import request_reference_of
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.latest_status import LatestStatus
from gateway.domain.payment import Reason
from gateway.service.conversations.alike import response
from gateway.service.conversations.fednow_answers import manner_of
from gateway.service.dialect import rail_time
from gateway.service.fednow import FedNowDialect
from gateway.service.incoming.fednow_requests import FedNowRequests
from gateway.service.incoming.rail import carries
from gateway.service.incoming.status import status_about
from gateway.service.ports import MessageClass
from gateway.service.rail_protocol import OutboundMessage
from iso20022 import MessageId, PaymentStatusReport, PaymentStatusRequest, StatusReason, TransactionStatus
from iso20022.messages import pacs002, pacs028, pain014
from iso20022.messages.pain013 import RequestForPayment
from iso20022.messages.pain014 import RequestStatus

_ANSWER: Final = "status-answer"


class FedNowStatuses:
    """Implements `gateway.service.status_questions.StatusMessages` for FedNow."""

    def __init__(self, dialect: FedNowDialect) -> None:
        self._dialect = dialect
        self._zone = ZoneInfo(dialect.profile.time_zone)
        self._requests = FedNowRequests(dialect)
        self._manner = manner_of(dialect)

    def receipt(self, question: PaymentStatusRequest, *, at: datetime) -> OutboundMessage:
        """Return the admi.007."""
        return self._requests.receipt_of(question.message_id, pacs028.MESSAGE_TYPE, at=at)

    def of_transfer(
        self, question: PaymentStatusRequest, transfer: IncomingTransfer, latest: LatestStatus, *, at: datetime
    ) -> OutboundMessage:
        """Return the pacs.002 about the transfer: from who was asked to who asks."""
        message_id, reasons = self._id(f"{question.message_id}:{transfer.version}", at), _reasons(latest.reason)
        report = status_about(transfer, latest.status, reasons, message_id=message_id, zone=self._zone, at=at)
        return self._report(report, at)

    def of_request(
        self,
        question: PaymentStatusRequest,
        conversation: Conversation,
        request: RequestForPayment,
        latest: LatestStatus,
        *,
        at: datetime,
    ) -> OutboundMessage:
        """Return the pain.014."""
        purpose = f"{question.message_id}:{conversation.version}"
        said = response(self._manner, request, RequestStatus(latest.status), latest.reason, purpose, at=at)
        document = pain014.build(said)
        return self._dialect.message(said.message_id, pain014.MESSAGE_TYPE, document, MessageClass.NONVALUE, at)

    def refused(self, question: PaymentStatusRequest, reason: Reason, *, at: datetime) -> OutboundMessage:
        """Return the pacs.002 with RJCT about the question itself."""
        report = PaymentStatusReport(
            message_id=self._id(f"{question.message_id}:{reason.code}", at),
            creation_time=rail_time(at, self._zone),
            original_message_id=question.message_id,
            original_message_name=pacs028.MESSAGE_TYPE,
            original_creation_time=question.creation_time,
            original_instruction_id=question.original_instruction_id,
            original_end_to_end_id=question.original_end_to_end_id,
            original_transaction_id=question.original_transaction_id,
            original_uetr=question.original_uetr,
            status=TransactionStatus.RJCT,
            reasons=_reasons(reason),
            instructing_agent=question.instructed_agent,
            instructed_agent=question.instructing_agent,
        )
        return self._report(report, at)

    def _report(self, report: PaymentStatusReport, at: datetime) -> OutboundMessage:
        document = pacs002.build(report)
        return self._dialect.message(report.message_id, pacs002.MESSAGE_TYPE, document, MessageClass.NONVALUE, at)

    def _id(self, of: str, at: datetime) -> MessageId:
        return self._dialect.message_id(at.astimezone(self._zone).date(), request_reference_of(_ANSWER, of))


def _reasons(reason: Reason | None) -> tuple[StatusReason, ...]:
    if reason is None:
        return ()
    words = (reason.text,) if reason.text is not None and carries(reason.text) else ()
    return (StatusReason(code=reason.code, additional=words),)

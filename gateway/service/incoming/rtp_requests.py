"""RTP's messages of return requests: camt.056, its answer camt.029, and the pacs.002 that takes either in.

RTP's set has neither admi.007 nor PDCR, and no public text gives a time after which a return may not be asked for.
Source: the public schemas and samples of RTP's releases 2.9 and 3.0 (``moov-io/rtp20022``); the status confirmation of
every message by the public guide of IBM FTM.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.identity import request_reference_of
from gateway.domain.payment import Payment, Reason
from gateway.service.dialect import rail_time
from gateway.service.incoming.rail import TEXT_MAX
from gateway.service.ports import MessageClass
from gateway.service.rail_protocol import OutboundMessage
from gateway.service.rtp import TIMED_OUT, RtpDialect
from iso20022 import (
    CustomerCreditTransfer,
    InstructionId,
    MessageId,
    PaymentCancellationRequest,
    PaymentStatusReport,
    Personal,
    Resolution,
    RoutingNumber,
    TransactionStatus,
)
from iso20022.messages import camt029, camt056, pacs002, pacs008
from iso20022.messages.actors import Actor, Agent
from iso20022.messages.camt029 import Confirmation, PaymentResolution
from iso20022.messages.investigation import Case, GroupCancellation
from iso20022.messages.original import OriginalMessage
from iso20022.messages.original import Reason as StatedReason
from iso20022.messages.shape import Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """A message that has arrived, from whom to whom; what names no instruction is known by its message id."""

    message_id: MessageId
    message_type: str
    created_at: datetime
    instruction_id: InstructionId | None
    author: RoutingNumber
    reader: RoutingNumber


class RtpRequests:
    """Makes the messages; pure. Made of the same things they have the same ids."""

    defers: Final = False

    def __init__(self, dialect: RtpDialect) -> None:
        self._dialect = dialect
        self._zone = ZoneInfo(dialect.profile.time_zone)

    @property
    def reasons(self) -> frozenset[str]:
        """Those of the public schema, but for the rail's own."""
        return self._dialect.profile.return_reasons - {TIMED_OUT}

    @property
    def refusals(self) -> frozenset[str]:
        """Those of the public schema."""
        return self._dialect.profile.resolution_reasons

    def is_in_time(self, *, settled_at: datetime, asked_at: datetime, reason_code: str | None) -> bool:  # noqa: ARG002
        """Whether it may be asked for: always, as far as is public."""
        return True

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
        author, reader = agent(sent.instructing_agent), agent(sent.instructed_agent)
        request = PaymentCancellationRequest(
            message_id=message_id,
            assigner=author,
            assignee=reader,
            creation_time=rail_time(at, self._zone),
            case=Case(id=case_id or message_id, creator=author),
            original_group=GroupCancellation(message_id=sent.message_id, message_name=pacs008.MESSAGE_TYPE),
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
        """Return our answer to a request, in its own words; a refusal has a reason of RTP's list."""
        message_id = self._id("return-answer", f"{request.message_id}:{confirmation}", at)
        group = request.original_group
        named = request.original_message
        if named is None and group is not None:
            named = OriginalMessage(
                message_id=group.message_id, message_name=group.message_name, creation_time=group.creation_time
            )
        resolution = Resolution(
            message_id=message_id,
            assigner=request.assignee,
            assignee=request.assigner,
            creation_time=rail_time(at, self._zone),
            resolved_case=request.case,
            confirmation=Confirmation(confirmation),
            payments=(
                PaymentResolution(
                    original_message=named,
                    original_instruction_id=request.original_instruction_id,
                    original_end_to_end_id=request.original_end_to_end_id,
                    original_transaction_id=request.original_transaction_id,
                    original_uetr=request.original_uetr,
                    reasons=() if reason is None else (_stated(reason),),
                ),
            ),
        )
        document = camt029.build(resolution)
        return self._dialect.message(message_id, camt029.MESSAGE_TYPE, document, MessageClass.NONVALUE, at)

    def receipt(self, message: PaymentCancellationRequest | Resolution, *, at: datetime) -> OutboundMessage | None:
        """Return our pacs.002 with ACTC: the message has arrived; None where it names no institutions by number."""
        author, reader = _number(message.assigner), _number(message.assignee)
        if author is None or reader is None:
            return None
        if isinstance(message, Resolution):
            message_type = camt029.MESSAGE_TYPE
            instruction_id = message.payments[0].original_instruction_id if message.payments else None
        else:
            message_type, instruction_id = camt056.MESSAGE_TYPE, message.original_instruction_id
        acknowledged = Acknowledged(
            message_id=message.message_id,
            message_type=message_type,
            created_at=message.creation_time,
            instruction_id=instruction_id,
            author=author,
            reader=reader,
        )
        return self.receipt_of(acknowledged, at=at)

    def receipt_of(self, message: Acknowledged, *, at: datetime) -> OutboundMessage:
        """Return the pacs.002 with ACTC about any message."""
        own_id = self._id("receipt", message.message_id, at)
        report = PaymentStatusReport(
            message_id=own_id,
            creation_time=rail_time(at, self._zone),
            original_message_id=message.message_id,
            original_message_name=message.message_type,
            original_creation_time=rail_time(message.created_at, self._zone),
            original_instruction_id=message.instruction_id or InstructionId(message.message_id),
            status=TransactionStatus.ACTC,
            acceptance_time=rail_time(at, self._zone),
            instructing_agent=message.reader,
            instructed_agent=message.author,
            agent_clearing_system=None,
            states_group=True,
        )
        return self._dialect.message(own_id, pacs002.MESSAGE_TYPE, pacs002.build(report), MessageClass.NONVALUE, at)

    def _id(self, purpose: str, of: str, at: datetime) -> MessageId:
        return self._dialect.message_id(at.astimezone(self._zone).date(), request_reference_of(purpose, of))


def agent(number: RoutingNumber) -> Agent:
    """Return an institution as RTP names it: by its number alone."""
    return Agent(member_id=number, clearing_system=None)


def _number(actor: Actor) -> RoutingNumber | None:
    return actor.member_id if isinstance(actor, Agent) else None


def _stated(reason: Reason) -> StatedReason:
    additional = () if reason.text is None else (Personal(reason.text[:TEXT_MAX]),)
    return StatedReason(reason=Code(reason.code), additional=additional)

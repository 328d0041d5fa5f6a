"""Return requests as the simulated RTP plays them: the receiver's answers by the reason, and requests of its own.

==========  ====================================================================
reason      what the receiver of the payment answers
==========  ====================================================================
DUPL        IPAY, and it returns all of it by a pacs.008 that refers to it
AM09        PECR, and it returns half of it
FRAD        nothing at all
all others  RJCR with CUST
==========  ====================================================================
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from iso20022 import (
    ConnectionPartyId,
    MessageId,
    PaymentCancellationRequest,
    Resolution,
)
from iso20022.messages import camt029, camt056
from iso20022.messages.camt029 import Confirmation, GroupResolution, PaymentResolution
from iso20022.messages.investigation import Case, GroupCancellation
from iso20022.messages.original import Reason
from iso20022.messages.shape import Code
from simulators.facts import PaymentBooked, TransferForwarded
from simulators.forwarding import Order
from simulators.return_requests import decided
from simulators.rtp.answers import AnswerWriter, Arrived, agent
from simulators.rtp.decide import business_day

_CONFIRMED: Final = {"DUPL": Confirmation.IPAY, "AM09": Confirmation.PECR}


class RequestWriter:
    """Writes what the network says of return requests."""

    def __init__(self, writer: AnswerWriter) -> None:
        self._writer = writer

    def answered(
        self,
        request: PaymentCancellationRequest,
        original: PaymentBooked | None,
        *,
        recipient: ConnectionPartyId,
        now: datetime,
    ) -> tuple[tuple[bytes, ...], Order | None]:
        """What the asker is told about its request, and the return that follows, if one does."""
        arrived = Arrived(
            message_id=request.message_id,
            message_type=camt056.MESSAGE_TYPE,
            created_at=request.creation_time,
            author=request.assigner,
            instruction_id=request.original_instruction_id,
        )
        receipt = self._writer.taken_in(arrived, recipient=recipient, now=now)
        found = decided(request, original, _CONFIRMED)
        if found.confirmation is None:
            return (receipt,), None
        answer = self._resolution(request, found.confirmation, found.reason, recipient, now=now)
        return (receipt, answer), found.order

    def asked(
        self, forwarded: TransferForwarded, reason: str, *, days_later: int, is_unknown: bool, now: datetime
    ) -> bytes:
        """The sender's request for a payment that was forwarded; `is_unknown` makes it one about another."""
        author, reader = agent(forwarded.instructing_agent), agent(forwarded.instructed_agent)
        message_id = self._writer.message_id(now)
        original_id = forwarded.message_id
        if is_unknown:
            original_id = MessageId(f"{forwarded.message_id[:-11]}{0:011d}")
        request = PaymentCancellationRequest(
            message_id=message_id,
            assigner=author,
            assignee=reader,
            creation_time=now,
            case=Case(id=message_id, creator=author),
            original_group=GroupCancellation(message_id=original_id, message_name=forwarded.message_type),
            original_instruction_id=forwarded.instruction_id,
            original_end_to_end_id=forwarded.end_to_end_id,
            original_transaction_id=forwarded.transaction_id,
            original_uetr=forwarded.uetr,
            original_amount=forwarded.amount,
            original_settlement_date=business_day(now - timedelta(days=days_later)),
            reasons=(Reason(reason=Code(reason)),),
        )
        document = camt056.build(request)
        return self._writer.wrapped(camt056.MESSAGE_TYPE, document, recipient=forwarded.recipient, now=now)

    def _resolution(
        self,
        request: PaymentCancellationRequest,
        confirmation: Confirmation,
        reason: str | None,
        recipient: ConnectionPartyId,
        *,
        now: datetime,
    ) -> bytes:
        group = request.original_group
        resolution = Resolution(
            message_id=self._writer.message_id(now),
            assigner=request.assignee,
            assignee=request.assigner,
            creation_time=now,
            resolved_case=request.case,
            confirmation=confirmation,
            group=None
            if group is None
            else GroupResolution(message_id=group.message_id, message_name=group.message_name),
            payments=(
                PaymentResolution(
                    original_instruction_id=request.original_instruction_id,
                    original_end_to_end_id=request.original_end_to_end_id,
                    original_transaction_id=request.original_transaction_id,
                    original_uetr=request.original_uetr,
                    reasons=() if reason is None else (Reason(reason=Code(reason)),),
                ),
            ),
        )
        return self._writer.wrapped(camt029.MESSAGE_TYPE, camt029.build(resolution), recipient=recipient, now=now)

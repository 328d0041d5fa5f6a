"""Return requests as the simulated network plays them: the receiver's answers by the reason, and requests of its own.

==========  ====================================================================
reason      what the receiver of the payment answers
==========  ====================================================================
DUPL        IPAY, and it returns all of it
AM09        PECR, and it returns half of it
TECH        PDCR, and nothing more
FRAD        nothing at all
all others  RJCR with CUST
==========  ====================================================================
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from iso20022 import (
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    EnvelopeKind,
    MessageId,
    PaymentCancellationRequest,
    ReceiptAcknowledgement,
    Resolution,
    RoutingNumber,
    fednow_message_id,
    header,
    wrap,
)
from iso20022.messages import admi007, camt029, camt056
from iso20022.messages.actors import Agent
from iso20022.messages.admi007 import Receipt
from iso20022.messages.camt029 import Confirmation, PaymentResolution
from iso20022.messages.investigation import Case
from iso20022.messages.original import OriginalMessage, Reason
from iso20022.messages.shape import Code
from iso20022.reader import Element
from simulators.facts import PaymentBooked, TransferForwarded
from simulators.fednow.answers import eastern
from simulators.fednow.decide import EASTERN, cycle_day
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.forwarding import Order
from simulators.message_ids import MessageIds
from simulators.return_requests import decided

_PRACTICE: Final = "frb.fednow.rrr.01"
_CONFIRMED: Final = {"DUPL": Confirmation.IPAY, "AM09": Confirmation.PECR, "TECH": Confirmation.PDCR}


class RequestWriter:
    """Writes what the network says of return requests."""

    def __init__(self, settings: FedNowSimulatorSettings, ids: MessageIds) -> None:
        self._settings = settings
        self._ids = ids

    def answered(
        self, request: PaymentCancellationRequest, original: PaymentBooked | None, *, now: datetime
    ) -> tuple[tuple[bytes, ...], Order | None]:
        """What the asker is told about its request, and the return that follows, if one does."""
        party = self._asker(request)
        receipt = self._receipt(request, party, now=now)
        found = decided(request, original, _CONFIRMED)
        if found.confirmation is None:
            return (receipt,), None
        answer = self._resolution(request, found.confirmation, found.reason, party, now=now)
        return (receipt, answer), found.order

    def asked(
        self, forwarded: TransferForwarded, reason: str, *, days_later: int, is_unknown: bool, now: datetime
    ) -> bytes:
        """The sender's request for a payment that was forwarded; `is_unknown` makes it one about another."""
        author, reader = Agent(member_id=forwarded.instructing_agent), Agent(member_id=forwarded.instructed_agent)
        message_id = self._id(ConnectionPartyId(forwarded.instructing_agent), now)
        original_id = MessageId(f"{forwarded.message_id[:17]}UNKNOWN") if is_unknown else forwarded.message_id
        request = PaymentCancellationRequest(
            message_id=message_id,
            assigner=author,
            assignee=reader,
            creation_time=eastern(now),
            case=Case(id=message_id, creator=author),
            original_message=OriginalMessage(
                message_id=original_id,
                message_name=forwarded.message_type,
                creation_time=eastern(forwarded.document_creation_time),
            ),
            original_instruction_id=forwarded.instruction_id,
            original_end_to_end_id=forwarded.end_to_end_id,
            original_uetr=forwarded.uetr,
            original_amount=forwarded.amount,
            original_settlement_date=cycle_day(now - timedelta(days=days_later)),
            reasons=(Reason(reason=Code(reason)),),
        )
        return self._wrapped(
            camt056.MESSAGE_TYPE, camt056.build(request), forwarded.recipient, now=now, message_id=None
        )

    def _receipt(self, request: PaymentCancellationRequest, party: ConnectionPartyId, *, now: datetime) -> bytes:
        message_id = self._id(self._settings.profile.fednow_id, now)
        acknowledgement = ReceiptAcknowledgement(
            message_id=message_id,
            creation_time=eastern(now),
            receipts=(
                Receipt(
                    related_reference=request.message_id,
                    related_message_name=camt056.MESSAGE_TYPE,
                    status_code="TS01",
                ),
            ),
        )
        document = admi007.build(acknowledgement)
        return self._wrapped(admi007.MESSAGE_TYPE, document, party, now=now, message_id=message_id)

    def _resolution(
        self,
        request: PaymentCancellationRequest,
        confirmation: Confirmation,
        reason: str | None,
        party: ConnectionPartyId,
        *,
        now: datetime,
    ) -> bytes:
        resolution = Resolution(
            message_id=self._id(self._settings.profile.fednow_id, now),
            assigner=request.assignee,
            assignee=request.assigner,
            creation_time=eastern(now),
            resolved_case=request.case,
            confirmation=confirmation,
            payments=(
                PaymentResolution(
                    original_message=request.original_message,
                    original_end_to_end_id=request.original_end_to_end_id,
                    original_uetr=request.original_uetr,
                    reasons=() if reason is None else (Reason(reason=Code(reason)),),
                ),
            ),
        )
        return self._wrapped(
            camt029.MESSAGE_TYPE, camt029.build(resolution), party, now=now, message_id=None, practice=_PRACTICE
        )

    def _asker(self, request: PaymentCancellationRequest) -> ConnectionPartyId:
        assert isinstance(request.assigner, Agent), "an institution asks"
        number = RoutingNumber(request.assigner.member_id or "")
        found = [each for each in self._settings.participants if each.routing_number == number]
        return found[0].connection_party if found else ConnectionPartyId(number)

    def _wrapped(
        self,
        message_type: str,
        document: Element,
        recipient: ConnectionPartyId,
        *,
        now: datetime,
        message_id: MessageId | None,
        practice: str | None = None,
    ) -> bytes:
        common = self._settings.profile.market_practice
        outgoing = BusinessHeader(
            sender=self._settings.profile.fednow_id,
            receiver=recipient,
            business_message_id=BusinessMessageId(message_id or self._id(self._settings.profile.fednow_id, now)),
            message_type=message_type,
            market_practice=common if practice is None else replace(common, id=practice),
            creation_time=eastern(now),
            business_processing_date=eastern(now),
        )
        return wrap(EnvelopeKind.FEDNOW_OUTGOING, header.build(outgoing), document)

    def _id(self, party: ConnectionPartyId, now: datetime) -> MessageId:
        return fednow_message_id(
            business_date=now.astimezone(EASTERN).date(), connection_party=party, reference=self._ids.next_reference()
        )

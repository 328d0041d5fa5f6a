"""Conversations as the simulated network plays them: what the other side answers, and what it asks by itself.

What becomes of a request for payment is told in `simulators.conversations`.

====================  =================================================================
reason                what becomes of our withdrawal (camt.055)
====================  =================================================================
DUPL                  RJCR with CUST
TECH                  PDCR, and nothing more
FRAD                  nothing but the acknowledgement
all others            CNCL
====================  =================================================================

====================  =================================================================
first code            what is answered to our information request (camt.026)
====================  =================================================================
MS01                  the information (camt.028), and INFO
IN01                  NINF
IN04                  IDUP
IN06                  PDNG, and nothing more
IN15                  nothing but the acknowledgement
all others            IPAY
====================  =================================================================
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from iso20022 import (
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    Element,
    EnvelopeKind,
    MessageId,
    PaymentStatusRequest,
    RoutingNumber,
    fednow_message_id,
    header,
    wrap,
)
from iso20022.messages import (
    admi002,
    admi007,
    camt026,
    camt028,
    camt029,
    camt054,
    camt055,
    pacs028,
    pain013,
    pain014,
)
from iso20022.messages.actors import Agent
from iso20022.messages.admi002 import MessageReject
from iso20022.messages.admi007 import Receipt, ReceiptAcknowledgement
from iso20022.messages.camt026 import InformationRequest
from iso20022.messages.camt029 import (
    Confirmation,
    PaymentResolution,
    RequestResolution,
    RequestTransactionResolution,
    Resolution,
)
from iso20022.messages.camt055 import RequestForPaymentCancellation
from iso20022.messages.investigation import Case, UnderlyingPayment, UnderlyingRequest
from iso20022.messages.original import OriginalMessage, PaymentType
from iso20022.messages.pain013 import RequestForPayment
from iso20022.messages.pain014 import RequestStatus
from iso20022.messages.shape import Proprietary
from simulators.conversations import (
    CUSTOMERS_WISH,
    NOT_PROVIDED,
    REFUSED_REASON,
    SILENT_CODE,
    SILENT_REASON,
    TWICE_ACCOUNT,
    UNREAD_ACCOUNT,
    Asking,
    first_code,
    first_reason,
    information_told,
    number_of,
    payment_for,
    question_asked,
    receiver_of,
    request_asked,
    response_to,
    statuses_of,
)
from simulators.fednow.answers import eastern
from simulators.fednow.decide import EASTERN, cycle_day
from simulators.fednow.reports import notification_of
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.forwarding import Order
from simulators.message_ids import MessageIds

_INFORMATION: Final = "frb.fednow.irr.01"
_CANCELLATION: Final = "frb.fednow.rcr.01"
_PAYMENT_TYPE: Final = PaymentType(local_instrument=Proprietary("FDNA"), category_purpose=Proprietary("CONS"))
_CLOSING: Final = {REFUSED_REASON: Confirmation.RJCR, "TECH": Confirmation.PDCR}
_ANSWERED: Final = {"MS01": Confirmation.INFO, "IN01": Confirmation.NINF, "IN04": Confirmation.IDUP}
_ANSWERED_LATER: Final = {"IN06": Confirmation.PDNG}

Talk = RequestForPayment | RequestForPaymentCancellation | InformationRequest
"""What a participant says that somebody answers."""


class ConversationWriter:
    """Writes what the network says in conversations."""

    def __init__(self, settings: FedNowSimulatorSettings, ids: MessageIds) -> None:
        self._settings = settings
        self._ids = ids

    def answered(
        self, said: Talk, party: ConnectionPartyId, *, now: datetime
    ) -> tuple[tuple[bytes, ...], Order | None]:
        """What who has said something is told, and the payment that follows, if one does."""
        match said:
            case RequestForPayment():
                return self._to_request(said, party, now=now)
            case RequestForPaymentCancellation():
                return self._to_withdrawal(said, party, now=now), None
            case InformationRequest():
                return self._to_question(said, party, now=now), None

    def asked(self, asking: Asking, *, now: datetime) -> tuple[ConnectionPartyId, tuple[bytes, ...], MessageId]:
        """Whom the network asks, with which message (as often as is ordered), and that message's own id.

        Raises:
            ValueError: the institution is no participant, or what it is about is not named.

        """
        receiver = receiver_of(asking, self._settings.participants)
        message_id = self._id(ConnectionPartyId(asking.creditor_agent), now)
        match asking.kind:
            case "request_for_payment":
                today = now.astimezone(EASTERN).date()
                request = request_asked(asking, message_id, _PAYMENT_TYPE, agent=_agent, today=today, now=eastern(now))
                message_type, document = pain013.MESSAGE_TYPE, pain013.build(request)
            case "withdrawal":
                message_type, document = camt055.MESSAGE_TYPE, camt055.build(_withdrawal(asking, message_id, now))
            case "information_request":
                question = question_asked(asking, message_id, agent=_agent, settled_on=cycle_day(now), now=eastern(now))
                message_type, document = camt026.MESSAGE_TYPE, camt026.build(question)
            case "status_request":
                message_type, document = pacs028.MESSAGE_TYPE, pacs028.build(_status_asked(asking, message_id, now))
            case "notification":
                message_type, document = camt054.MESSAGE_TYPE, camt054.build(notification_of(asking, now=now))
            case _:
                raise ValueError(
                    "kind is request_for_payment, withdrawal, information_request, status_request or notification"
                )
        header_id = message_id if asking.kind == "notification" else None
        body = self._wrapped(message_type, document, receiver.connection_party, now=now, header_id=header_id)
        return receiver.connection_party, (body,) * asking.copies, message_id

    def _to_request(
        self, request: RequestForPayment, party: ConnectionPartyId, *, now: datetime
    ) -> tuple[tuple[bytes, ...], Order | None]:
        account = number_of(request.debtor_account)
        if account == UNREAD_ACCOUNT:
            return (self._rejected(request.message_id, "T505", party, now=now),), None
        answers = [self.response(request, status, party, now=now) for status in statuses_of(request)]
        if account == TWICE_ACCOUNT:
            answers *= 2
        told = (self.receipt(request.message_id, pain013.MESSAGE_TYPE, party, now=now), *answers)
        return told, payment_for(request)

    def response(
        self, request: RequestForPayment, status: RequestStatus, party: ConnectionPartyId, *, now: datetime
    ) -> bytes:
        """What the debtor's institution says of a request, pain.014."""
        message_id = self._id(self._settings.profile.fednow_id, now)
        response = response_to(request, status, message_id, now=eastern(now))
        return self._wrapped(pain014.MESSAGE_TYPE, pain014.build(response), party, now=now)

    def _to_withdrawal(
        self, withdrawal: RequestForPaymentCancellation, party: ConnectionPartyId, *, now: datetime
    ) -> tuple[bytes, ...]:
        receipt = self.receipt(withdrawal.message_id, camt055.MESSAGE_TYPE, party, now=now)
        code = first_reason(withdrawal.reasons)
        if code == SILENT_REASON:
            return (receipt,)
        confirmation = _CLOSING.get(code, Confirmation.CNCL)
        reasons = (CUSTOMERS_WISH,) if confirmation is Confirmation.RJCR else ()
        answered = RequestResolution(
            original_payment_information_id=withdrawal.original_payment_information_id,
            original_message=withdrawal.original_message,
            transactions=(
                RequestTransactionResolution(original_end_to_end_id=withdrawal.original_end_to_end_id, reasons=reasons),
            ),
        )
        resolution = Resolution(
            message_id=self._id(self._settings.profile.fednow_id, now),
            assigner=withdrawal.assignee,
            assignee=withdrawal.assigner,
            creation_time=eastern(now),
            resolved_case=withdrawal.case,
            confirmation=confirmation,
            requests=(answered,),
        )
        return receipt, self._resolved(resolution, party, _CANCELLATION, now=now)

    def _to_question(
        self, question: InformationRequest, party: ConnectionPartyId, *, now: datetime
    ) -> tuple[bytes, ...]:
        receipt = self.receipt(question.message_id, camt026.MESSAGE_TYPE, party, now=now)
        code = first_code(question)
        if code == SILENT_CODE:
            return (receipt,)
        confirmation = (_ANSWERED | _ANSWERED_LATER).get(code, Confirmation.IPAY)
        underlying = question.underlying
        payments: tuple[PaymentResolution, ...] = ()
        requests: tuple[RequestResolution, ...] = ()
        if isinstance(underlying, UnderlyingPayment):
            payments = (
                PaymentResolution(
                    original_message=underlying.original_message,
                    original_end_to_end_id=underlying.original_end_to_end_id,
                    original_uetr=underlying.original_uetr,
                ),
            )
        elif isinstance(underlying, UnderlyingRequest):
            named = underlying.original_payment_information_id or NOT_PROVIDED
            requests = (
                RequestResolution(original_payment_information_id=named, original_message=underlying.original_message),
            )
        resolution = Resolution(
            message_id=self._id(self._settings.profile.fednow_id, now),
            assigner=question.assignee,
            assignee=question.assigner,
            creation_time=eastern(now),
            resolved_case=question.case,
            confirmation=confirmation,
            payments=payments,
            requests=requests,
        )
        resolved = self._resolved(resolution, party, _INFORMATION, now=now)
        if confirmation is not Confirmation.INFO:
            return receipt, resolved
        message_id = self._id(self._settings.profile.fednow_id, now)
        information = information_told(question, message_id, now=eastern(now))
        return receipt, self._wrapped(camt028.MESSAGE_TYPE, camt028.build(information), party, now=now), resolved

    def receipt(self, reference: MessageId, name: str, party: ConnectionPartyId, *, now: datetime) -> bytes:
        """The acknowledgement that a message has arrived, admi.007."""
        acknowledgement = ReceiptAcknowledgement(
            message_id=self._id(self._settings.profile.fednow_id, now),
            creation_time=eastern(now),
            receipts=(Receipt(related_reference=reference, related_message_name=name, status_code="TS01"),),
        )
        return self._wrapped(admi007.MESSAGE_TYPE, admi007.build(acknowledgement), party, now=now)

    def _rejected(self, reference: MessageId, code: str, party: ConnectionPartyId, *, now: datetime) -> bytes:
        reject = MessageReject(
            related_reference=reference, reason_code=code, rejection_time=eastern(now), description="as ordered"
        )
        return self._wrapped(admi002.MESSAGE_TYPE, admi002.build(reject), party, now=now)

    def _resolved(self, resolution: Resolution, party: ConnectionPartyId, practice: str, *, now: datetime) -> bytes:
        return self._wrapped(camt029.MESSAGE_TYPE, camt029.build(resolution), party, now=now, practice=practice)

    def _wrapped(
        self,
        message_type: str,
        document: Element,
        recipient: ConnectionPartyId,
        *,
        now: datetime,
        practice: str | None = None,
        header_id: MessageId | None = None,
    ) -> bytes:
        common = self._settings.profile.market_practice
        outgoing = BusinessHeader(
            sender=self._settings.profile.fednow_id,
            receiver=recipient,
            business_message_id=BusinessMessageId(header_id or self._id(self._settings.profile.fednow_id, now)),
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


def _agent(number: RoutingNumber) -> Agent:
    return Agent(member_id=number)


def _status_asked(asking: Asking, message_id: MessageId, now: datetime) -> PaymentStatusRequest:
    return PaymentStatusRequest(
        message_id=message_id,
        creation_time=eastern(now),
        original_message_id=asking.named,
        original_message_name=asking.original,
        original_creation_time=eastern(now),
        original_end_to_end_id=asking.end_to_end_id,
        instructing_agent=asking.creditor_agent,
        instructed_agent=asking.debtor_agent,
    )


def _withdrawal(asking: Asking, message_id: MessageId, now: datetime) -> RequestForPaymentCancellation:
    author = Agent(member_id=asking.creditor_agent)
    return RequestForPaymentCancellation(
        message_id=message_id,
        assigner=author,
        assignee=Agent(member_id=asking.debtor_agent),
        creation_time=eastern(now),
        case=Case(id=message_id, creator=author),
        original_payment_information_id=f"PI{asking.named[-18:]}",
        original_message=OriginalMessage(
            message_id=asking.named, message_name=pain013.MESSAGE_TYPE, creation_time=eastern(now)
        ),
        original_end_to_end_id=asking.end_to_end_id,
        reasons=(CUSTOMERS_WISH,),
    )

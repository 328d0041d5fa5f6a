"""Conversations as the simulated RTP plays them; what becomes of a request is told in `simulators.conversations`.

RTP's pain.014 knows ACTC and RJCT alone, and its camt.029 no CNCL and no PDCR. That IPAY means that a request is
withdrawn is this simulator's choice: no public text says which confirmation does.

====================  =================================================================
reason                what becomes of our withdrawal (camt.056 about a pain.013)
====================  =================================================================
DUPL                  RJCR with CUST
FRAD, TECH            nothing but the pacs.002 with ACTC
all others            IPAY
====================  =================================================================

====================  =================================================================
first code            what is answered to our information request (camt.026)
====================  =================================================================
IN06                  pacs.002 RJCT with NOAT: it was not taken in
IN15                  nothing but the pacs.002 with ACTC
all others            the information (camt.028)
====================  =================================================================
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from iso20022 import (
    ConnectionPartyId,
    Element,
    InstructionId,
    MessageId,
    PaymentCancellationRequest,
    Resolution,
    StatusReason,
)
from iso20022.messages import camt026, camt028, camt029, camt056, pain013, pain014
from iso20022.messages.camt026 import InformationRequest
from iso20022.messages.camt029 import Confirmation, GroupResolution, PaymentResolution
from iso20022.messages.investigation import Case, GroupCancellation
from iso20022.messages.original import PaymentType
from iso20022.messages.pain013 import RequestForPayment
from iso20022.messages.pain014 import OriginalRequest, RequestStatus
from iso20022.messages.request import PaymentCondition
from iso20022.messages.shape import Code, Proprietary
from simulators.conversations import (
    CUSTOMERS_WISH,
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
from simulators.forwarding import Order
from simulators.rtp.answers import AnswerWriter, Arrived, agent
from simulators.rtp.decide import EASTERN, business_day
from simulators.rtp.settings import RtpSimulatorSettings

_KNOWN: Final = frozenset({RequestStatus.ACTC, RequestStatus.RJCT})
_UNANSWERED: Final = frozenset({SILENT_REASON, "TECH"})
_UNTAKEN_CODE: Final = "IN06"
_NOT_TAKEN: Final = StatusReason(proprietary="NOAT")
_PAYMENT_TYPE: Final = PaymentType(
    service_levels=(Code("SDVA"),), local_instrument=Proprietary("STANDARD"), category_purpose=Proprietary("CONSUMER")
)
_CONDITION: Final = PaymentCondition(
    amount_modification_allowed=False, early_payment_allowed=True, guaranteed_payment_requested=False
)
_STANDS_S: Final = 2 * 86_400.0
"""How long a request stands that is ordered without an end: every request on RTP has one."""

Talk = RequestForPayment | PaymentCancellationRequest | InformationRequest
"""What a participant says that somebody answers; of camt.056 what is about a request for payment."""


class ConversationWriter:
    """Writes what the network says in conversations."""

    def __init__(self, settings: RtpSimulatorSettings, writer: AnswerWriter) -> None:
        self._settings = settings
        self._writer = writer

    def answered(
        self, said: Talk, party: ConnectionPartyId, *, now: datetime
    ) -> tuple[tuple[bytes, ...], Order | None]:
        """What who has said something is told, and the payment that follows, if one does."""
        match said:
            case RequestForPayment():
                return self._to_request(said, party, now=now)
            case PaymentCancellationRequest():
                return self._to_withdrawal(said, party, now=now), None
            case InformationRequest():
                return self._to_question(said, party, now=now), None

    def asked(self, asking: Asking, *, now: datetime) -> tuple[ConnectionPartyId, tuple[bytes, ...], MessageId]:
        """Whom the network asks, with which message (as often as is ordered), and that message's own id.

        Raises:
            ValueError: the institution is no participant, or what it is about is not named.

        """
        receiver = receiver_of(asking, self._settings.participants)
        message_id = self._writer.message_id(now)
        match asking.kind:
            case "request_for_payment":
                message_type, document = pain013.MESSAGE_TYPE, pain013.build(_request(asking, message_id, now))
            case "withdrawal":
                message_type, document = camt056.MESSAGE_TYPE, camt056.build(_withdrawal(asking, message_id, now))
            case "echo":
                echo, instruction_id = self._writer.echo_asked(recipient=receiver.connection_party, now=now)
                return receiver.connection_party, (echo,) * asking.copies, MessageId(instruction_id)
            case "information_request":
                question = question_asked(asking, message_id, agent=agent, settled_on=business_day(now), now=now)
                message_type, document = camt026.MESSAGE_TYPE, camt026.build(question)
            case _:
                raise ValueError("kind is request_for_payment, withdrawal, information_request or echo")
        body = self._wrapped(message_type, document, receiver.connection_party, now=now)
        return receiver.connection_party, (body,) * asking.copies, message_id

    def _to_request(
        self, request: RequestForPayment, party: ConnectionPartyId, *, now: datetime
    ) -> tuple[tuple[bytes, ...], Order | None]:
        account = number_of(request.debtor_account)
        if account == UNREAD_ACCOUNT:
            refusal = self._writer.reject(
                related_reference=request.message_id,
                code=self._settings.codes.schema,
                description="as ordered",
                recipient=party,
                now=now,
            )
            return (refusal,), None
        statuses = [status for status in statuses_of(request) if status in _KNOWN]
        answers = [self._response(request, status, party, now=now) for status in statuses]
        if account == TWICE_ACCOUNT:
            answers *= 2
        arrived = Arrived(
            message_id=request.message_id,
            message_type=pain013.MESSAGE_TYPE,
            created_at=request.creation_time,
            author=request.creditor_agent,
            instruction_id=request.instruction_id,
        )
        receipt = self._writer.taken_in(arrived, recipient=party, now=now)
        return (receipt, *answers), payment_for(request)

    def _response(
        self, request: RequestForPayment, status: RequestStatus, party: ConnectionPartyId, *, now: datetime
    ) -> bytes:
        response = replace(
            response_to(request, status, self._writer.message_id(now), now=now),
            original_number_of_transactions="1",
            original_instruction_id=request.instruction_id,
            acceptance_time=now,
            original_request=OriginalRequest(
                amount=request.amount,
                requested_execution=request.requested_execution,
                creditor_agent=request.creditor_agent,
                creditor=request.creditor,
            ),
        )
        return self._wrapped(pain014.MESSAGE_TYPE, pain014.build(response), party, now=now)

    def _to_withdrawal(
        self, withdrawal: PaymentCancellationRequest, party: ConnectionPartyId, *, now: datetime
    ) -> tuple[bytes, ...]:
        arrived = Arrived(
            message_id=withdrawal.message_id,
            message_type=camt056.MESSAGE_TYPE,
            created_at=withdrawal.creation_time,
            author=withdrawal.assigner,
            instruction_id=withdrawal.original_instruction_id,
        )
        receipt = self._writer.taken_in(arrived, recipient=party, now=now)
        code, group = first_reason(withdrawal.reasons), withdrawal.original_group
        if code in _UNANSWERED or group is None:
            return (receipt,)
        is_refused = code == REFUSED_REASON
        resolution = Resolution(
            message_id=self._writer.message_id(now),
            assigner=withdrawal.assignee,
            assignee=withdrawal.assigner,
            creation_time=now,
            resolved_case=withdrawal.case,
            confirmation=Confirmation.RJCR if is_refused else Confirmation.IPAY,
            group=GroupResolution(message_id=group.message_id, message_name=group.message_name),
            payments=(
                PaymentResolution(
                    original_instruction_id=withdrawal.original_instruction_id,
                    original_end_to_end_id=withdrawal.original_end_to_end_id,
                    reasons=(CUSTOMERS_WISH,) if is_refused else (),
                ),
            ),
        )
        return receipt, self._wrapped(camt029.MESSAGE_TYPE, camt029.build(resolution), party, now=now)

    def _to_question(
        self, question: InformationRequest, party: ConnectionPartyId, *, now: datetime
    ) -> tuple[bytes, ...]:
        code = first_code(question)
        refused = (_NOT_TAKEN,) if code == _UNTAKEN_CODE else ()
        arrived = Arrived(
            message_id=question.message_id,
            message_type=camt026.MESSAGE_TYPE,
            created_at=question.creation_time,
            author=question.assigner,
        )
        receipt = self._writer.taken_in(arrived, recipient=party, now=now, reasons=refused)
        if refused or code == SILENT_CODE:
            return (receipt,)
        information = information_told(question, self._writer.message_id(now), now=now)
        return receipt, self._wrapped(camt028.MESSAGE_TYPE, camt028.build(information), party, now=now)

    def _wrapped(self, message_type: str, document: Element, party: ConnectionPartyId, *, now: datetime) -> bytes:
        return self._writer.wrapped(message_type, document, recipient=party, now=now)


def is_about_request(message: PaymentCancellationRequest) -> bool:
    """Whether a camt.056 takes a request for payment back, and asks for no return."""
    named = message.original_message or message.original_group
    return named is not None and named.message_name == pain013.MESSAGE_TYPE


def _request(asking: Asking, message_id: MessageId, now: datetime) -> RequestForPayment:
    stands = asking if asking.expires_in_s is not None else replace(asking, expires_in_s=_STANDS_S)
    today = now.astimezone(EASTERN).date()
    request = request_asked(stands, message_id, _PAYMENT_TYPE, agent=agent, today=today, now=now)
    instruction_id = InstructionId(f"{message_id[1:-11]}0{message_id[-11:]}")
    return replace(request, payment_information_id=instruction_id, instruction_id=instruction_id, condition=_CONDITION)


def _withdrawal(asking: Asking, message_id: MessageId, now: datetime) -> PaymentCancellationRequest:
    author = agent(asking.creditor_agent)
    return PaymentCancellationRequest(
        message_id=message_id,
        assigner=author,
        assignee=agent(asking.debtor_agent),
        creation_time=now,
        case=Case(id=message_id, creator=author),
        original_group=GroupCancellation(message_id=asking.named, message_name=pain013.MESSAGE_TYPE),
        original_end_to_end_id=asking.end_to_end_id,
        reasons=(CUSTOMERS_WISH,),
    )

"""What is said in conversations alike on every rail; what one says differently is in its own module.

Sources: the forms of ISO 20022's pain.013, pain.014, camt.026 and camt.028, as both rails' public samples fill them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.conversation import (
    NO_REFERENCE,
    Act,
    Conversation,
    ConversationId,
    ConversationKind,
    Side,
    end_of,
)
from gateway.domain.identity import request_reference_of
from gateway.domain.payment import Reason, ReasonOrigin
from gateway.service.conversations.rail import AskedAbout, Came, InformationAsked, Opening, PaymentAsked
from gateway.service.dialect import rail_time, readable_document_in
from gateway.service.ports import MessageDirection, RawMessage
from gateway.service.rail_protocol import OutboundMessage, Statement, Talk
from iso20022 import (
    Direction,
    Finding,
    MessageId,
    MessageReject,
    PaymentCancellationRequest,
    PaymentStatusReport,
    Personal,
    Profile,
    Resolution,
    RoutingNumber,
    Severity,
    examine,
    explain,
)
from iso20022.messages import camt026, pain013
from iso20022.messages.actors import Account, Agent, OtherIdentification, PartyDetails
from iso20022.messages.camt026 import (
    AnyInformation,
    InformationRequest,
    MissingOrIncorrect,
    PossibleDuplicate,
    Question,
)
from iso20022.messages.camt028 import AddedInformation, AdditionalPaymentInformation
from iso20022.messages.camt055 import RequestForPaymentCancellation
from iso20022.messages.investigation import Case, Underlying, UnderlyingEntry, UnderlyingPayment, UnderlyingRequest
from iso20022.messages.original import OriginalMessage, PaymentType
from iso20022.messages.original import Reason as StatedReason
from iso20022.messages.pain013 import RequestForPayment
from iso20022.messages.pain014 import RequestForPaymentResponse, RequestStatus
from iso20022.messages.remittance import Remittance
from iso20022.messages.shape import Code

BY_STATUS: Final = {
    RequestStatus.RCVD: Act.PRESENTED,
    RequestStatus.PRES: Act.PRESENTED,
    RequestStatus.ACTC: Act.ACCEPTED,
    RequestStatus.RJCT: Act.REFUSED,
}
"""What the status of a request for payment says; not every rail has each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How one rail writes what all of them say: its clock's zone, its message ids, and how it names an institution."""

    zone: ZoneInfo
    message_id: Callable[[date, str], MessageId]
    agent: Callable[[RoutingNumber], Agent]

    def id_of(self, purpose: str, of: str, at: datetime) -> MessageId:
        """Return the id of a message of that purpose; made of the same things it is the same on one day."""
        return self.message_id(at.astimezone(self.zone).date(), request_reference_of(purpose, of))

    def time(self, at: datetime) -> datetime:
        """Return the instant as the rail writes it."""
        return rail_time(at, self.zone)


# --- what is heard ---


def request_heard(request: RequestForPayment) -> Opening | None:
    """Return what a request for payment opens; None where it does not say from whom to whom."""
    own, theirs = request.debtor_agent.member_id, request.creditor_agent.member_id
    if own is None or theirs is None:
        return None
    return Opening(
        kind=ConversationKind.REQUEST_FOR_PAYMENT,
        message_id=request.message_id,
        own_agent=own,
        counterparty=theirs,
        amount=request.amount,
        end_to_end_id=request.end_to_end_id,
        pay_by=end_of(request.requested_execution),
        expires_at=None if request.expiry is None else end_of(request.expiry),
    )


def question_heard(request: InformationRequest, known_as: Callable[[str], tuple[str, ...]]) -> Opening | None:
    """Return what an information request opens; None where it does not say from whom to whom.

    `known_as` returns the ids by which a message may be known here that is named by one.
    """
    own, theirs = request.assignee, request.assigner
    if not isinstance(own, Agent) or not isinstance(theirs, Agent) or own.member_id is None or theirs.member_id is None:
        return None
    underlying = request.underlying
    original = underlying.original_message
    amount = None if isinstance(underlying, UnderlyingEntry) else underlying.original_amount
    return Opening(
        kind=ConversationKind.INFORMATION_REQUEST,
        message_id=request.message_id,
        own_agent=own.member_id,
        counterparty=theirs.member_id,
        topic=topic_of(request),
        amount=amount,
        about=() if original is None else known_as(original.message_id),
    )


def topic_of(request: InformationRequest) -> str:
    """Return what is asked, in codes."""
    asked = request.justification
    if isinstance(asked, AnyInformation):
        return "any"
    if isinstance(asked, PossibleDuplicate):
        return "duplicate"
    return " ".join(each.code for each in (*asked.missing, *asked.incorrect)) or "AML"


def speaker_of(said: Talk | Statement) -> str | None:
    """Return the institution that puts the case, or answers it; None where the message names none."""
    match said:
        case RequestForPaymentResponse(debtor_agent=Agent() as agent):
            return agent.member_id
        case (
            Resolution(assigner=Agent() as agent)
            | RequestForPaymentCancellation(assigner=Agent() as agent)
            | PaymentCancellationRequest(assigner=Agent() as agent)
            | AdditionalPaymentInformation(assigner=Agent() as agent)
        ):
            return agent.member_id
        case PaymentStatusReport():
            return said.instructing_agent
        case _:
            return None


def reason_of(said: Talk | Statement) -> Reason | None:
    """Return the code that a message states first, without its words: they may quote the customer."""
    match said:
        case RequestForPaymentResponse() | RequestForPaymentCancellation() | PaymentCancellationRequest():
            given: Sequence[StatedReason] = said.reasons
        case Resolution():
            of_payments = [reason for one in said.payments for reason in one.reasons]
            of_requests = [reason for one in said.requests for reason in one.reasons]
            of_both = [reason for each in said.requests for one in each.transactions for reason in one.reasons]
            given = (*of_payments, *of_requests, *of_both)
        case PaymentStatusReport():
            code = next((each.code or each.proprietary for each in said.reasons), None)
            return None if code is None else Reason(code, ReasonOrigin.RAIL)
        case MessageReject():
            return Reason(said.reason_code, ReasonOrigin.RAIL)
        case _:
            return None
    code = next((each.reason.text for each in given if each.reason is not None), None)
    return None if code is None else Reason(code, ReasonOrigin.RAIL)


def refused(message_id: str, conversation: Conversation) -> Act:
    """Return what it means that a message, named by the id that we know it by, was refused."""
    is_ours = conversation.side is Side.US
    if is_ours and message_id == conversation.message_id:
        return Act.OPENING_REFUSED
    return Act.WITHDRAWAL_FAILED if is_ours and message_id == conversation.withdrawal_id else Act.ANSWER_REFUSED


# --- what we say ---


def request_for_payment(
    manner: Manner, asked: PaymentAsked, conversation_id: ConversationId, payment_type: PaymentType, *, at: datetime
) -> RequestForPayment:
    """Return the request, in the creditor's name."""
    reference = request_reference_of("request-for-payment", str(conversation_id))
    creditor, debtor = PartyDetails(name=asked.creditor_name), PartyDetails(name=asked.debtor_name)
    return RequestForPayment(
        message_id=manner.id_of("request-for-payment", str(conversation_id), at),
        creation_time=manner.time(at),
        initiating_party=creditor,
        payment_information_id=reference,
        requested_execution=asked.pay_on,
        expiry=asked.expires,
        debtor=debtor,
        debtor_account=_account(asked.debtor_account),
        debtor_agent=manner.agent(asked.debtor_agent),
        instruction_id=asked.instruction_id,
        end_to_end_id=asked.end_to_end_id,
        uetr=asked.uetr,
        payment_type=payment_type,
        amount=asked.amount,
        creditor_agent=manner.agent(asked.creditor_agent),
        creditor=creditor,
        creditor_account=_account(asked.creditor_account),
        remittance=Remittance(unstructured=asked.remittance) if asked.remittance else None,
    )


def information_request(
    manner: Manner, asked: InformationAsked, about: AskedAbout, conversation_id: ConversationId, *, at: datetime
) -> InformationRequest:
    """Return the question about what has come, under a new case: the case's id is the message's own."""
    message_id = manner.id_of("information-request", str(conversation_id), at)
    if isinstance(about, RequestForPayment):
        author, reader, underlying = about.debtor_agent, about.creditor_agent, _request_asked_about(about)
    else:
        transfer = about.transfer
        author, reader = manner.agent(transfer.instructed_agent), manner.agent(transfer.instructing_agent)
        underlying = _transfer_asked_about(manner, about)

    def questions(codes: Sequence[str]) -> tuple[Question, ...]:
        return tuple(Question(code=code, additional=asked.text if code == "NARR" else None) for code in codes)

    return InformationRequest(
        message_id=message_id,
        assigner=author,
        assignee=reader,
        creation_time=manner.time(at),
        case=Case(id=message_id, creator=author),
        underlying=underlying,
        justification=MissingOrIncorrect(missing=questions(asked.missing), incorrect=questions(asked.incorrect)),
    )


def _transfer_asked_about(manner: Manner, about: Came) -> Underlying:
    transfer = about.transfer
    assert about.brought.settlement_date is not None, "the rails' rules demand the date, of a return too"
    return UnderlyingPayment(
        original_message=OriginalMessage(
            message_id=transfer.message_id,
            message_name=transfer.message_type,
            creation_time=manner.time(transfer.message_created_at),
        ),
        original_instruction_id=transfer.instruction_id,
        original_end_to_end_id=transfer.end_to_end_id,
        original_transaction_id=transfer.transaction_id,
        original_uetr=transfer.uetr,
        original_amount=transfer.amount,
        original_settlement_date=about.brought.settlement_date,
    )


def _request_asked_about(request: RequestForPayment) -> Underlying:
    """As RTP's public schema has it (release 2.9, ``Undrlyg/Initn``), which has no place for the instruction id."""
    return UnderlyingRequest(
        original_message=OriginalMessage(
            message_id=request.message_id, message_name=pain013.MESSAGE_TYPE, creation_time=request.creation_time
        ),
        original_payment_information_id=request.payment_information_id or NO_REFERENCE,
        original_end_to_end_id=request.end_to_end_id,
        original_uetr=request.uetr,
        original_amount=request.amount,
        requested_execution=request.requested_execution,
    )


def response(
    manner: Manner,
    request: RequestForPayment,
    status: RequestStatus,
    reason: Reason | None,
    purpose: str,
    *,
    at: datetime,
) -> RequestForPaymentResponse:
    """Return our answer to a request: from the debtor's institution to the creditor's."""
    return RequestForPaymentResponse(
        message_id=manner.id_of("response", purpose, at),
        creation_time=manner.time(at),
        initiating_party=request.debtor,
        debtor_agent=request.debtor_agent,
        creditor_agent=request.creditor_agent,
        original_message_id=request.message_id,
        original_message_name=pain013.MESSAGE_TYPE,
        original_creation_time=request.creation_time,
        original_payment_information_id=request.payment_information_id or NO_REFERENCE,
        original_instruction_id=request.instruction_id,
        original_end_to_end_id=request.end_to_end_id,
        original_uetr=request.uetr,
        status=status,
        reasons=stated(reason),
    )


def information(
    manner: Manner, question: InformationRequest, purpose: str, lines: Sequence[Personal], *, at: datetime
) -> AdditionalPaymentInformation:
    """Return what is told about the payment that was asked about."""
    return AdditionalPaymentInformation(
        message_id=manner.id_of("information", purpose, at),
        assigner=question.assignee,
        assignee=question.assigner,
        creation_time=manner.time(at),
        case=case_of(question),
        underlying=question.underlying,
        information=AddedInformation(remittance=Remittance(unstructured=tuple(lines))),
    )


def purpose_of(conversation: Conversation) -> str:
    """Return what the ids of an answer are made of: the conversation, and where it stands."""
    return f"{conversation.message_id}:{conversation.version}"


def question_in(messages: Sequence[RawMessage]) -> InformationRequest:
    """Return the information request that was received."""
    return camt026.parse(readable_document_in(received(messages, camt026.MESSAGE_TYPE)))


def request_in(messages: Sequence[RawMessage]) -> RequestForPayment:
    """Return the request for payment that was received."""
    return pain013.parse(readable_document_in(received(messages, pain013.MESSAGE_TYPE)))


def received(messages: Sequence[RawMessage], message_type: str) -> RawMessage:
    """Return the newest of this type that the rail has brought; that there is one, the state says."""
    found = [m for m in messages if m.message_type == message_type and m.direction is MessageDirection.RAIL_IN]
    assert found, f"what is answered is a {message_type}"
    return found[-1]


def case_of(asked: InformationRequest | RequestForPaymentCancellation | PaymentCancellationRequest) -> Case:
    """Return the case that a question or a withdrawal was put under; one that names none is a case by its own id."""
    return asked.case or Case(id=asked.message_id, creator=asked.assigner)


def stated(reason: Reason | None) -> tuple[StatedReason, ...]:
    """Return a reason, if there is one, as messages state it."""
    if reason is None:
        return ()
    additional = () if reason.text is None else (Personal(reason.text),)
    return (StatedReason(reason=Code(reason.code), additional=additional),)


def errors_in(message: OutboundMessage, profile: Profile) -> Sequence[Finding]:
    """Return the errors that schema and profile find in a message of ours."""
    report = explain(examine(message.body, profile=profile, direction=Direction.TO_RAIL))
    return tuple(each for each in report.findings if each.severity is Severity.ERROR)


def _account(number: Personal) -> Account:
    return Account(id=OtherIdentification(id=number))

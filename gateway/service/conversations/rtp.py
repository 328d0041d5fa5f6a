"""RTP's conversations: what its messages mean in one, and how ours are written.

RTP has fewer words than FedNow. A request for payment is accepted or refused (pain.014 ACTC, RJCT), and taken back by
the message that asks for returns, camt.056, answered by camt.029; which of that message's confirmations means that a
request does not count any more no public text says, so it is a setting, and without it none is sent. A question
(camt.026) has one answer, what is told in a camt.028; there is no account report. That a message has arrived is said by
a pacs.002.

Sources: the public schemas and samples of RTP's releases 2.9 and 3.0 (``moov-io/rtp20022``); the status confirmation of
every message by the public guide of IBM FTM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.conversation import Act, Conversation, ConversationId, ConversationKind
from gateway.domain.payment import Rail, Reason
from gateway.service.conversations.alike import (
    BY_STATUS,
    Manner,
    case_of,
    errors_in,
    information,
    information_request,
    purpose_of,
    question_heard,
    question_in,
    reason_of,
    received,
    refused,
    request_for_payment,
    request_heard,
    request_in,
    response,
    speaker_of,
    stated,
)
from gateway.service.conversations.rail import AskedAbout, InformationAsked, Opening, PaymentAsked, ReportAsked
from gateway.service.dialect import readable_document_in
from gateway.service.incoming.rtp_requests import Acknowledged, RtpRequests, agent
from gateway.service.ports import MessageClass, RawMessage
from gateway.service.rail_protocol import OutboundMessage, Statement, Talk
from gateway.service.rtp import RtpDialect, header_id_of
from iso20022 import (
    Element,
    Finding,
    MessageId,
    MessageReject,
    PaymentCancellationRequest,
    PaymentStatusReport,
    Personal,
    Resolution,
    RoutingNumber,
    TransactionStatus,
)
from iso20022.messages import camt026, camt028, camt029, camt056, pain013, pain014
from iso20022.messages.actors import Agent
from iso20022.messages.camt026 import InformationRequest
from iso20022.messages.camt028 import AdditionalPaymentInformation
from iso20022.messages.camt029 import Confirmation, GroupResolution, PaymentResolution
from iso20022.messages.investigation import Case, GroupCancellation
from iso20022.messages.original import PaymentType
from iso20022.messages.pain013 import RequestForPayment
from iso20022.messages.pain014 import OriginalRequest, RequestForPaymentResponse, RequestStatus
from iso20022.messages.request import PaymentCondition
from iso20022.messages.shape import Code, Proprietary

_PAYMENT: Final = "pacs."
_REQUEST: Final = "pain.013"
_CONDITION: Final = PaymentCondition(
    amount_modification_allowed=False, early_payment_allowed=True, guaranteed_payment_requested=False
)
"""Another amount is not welcome, an earlier day is, and no guarantee is asked for: as in the published samples."""

_STATUSES: Final = {Act.ACCEPTED: RequestStatus.ACTC, Act.REFUSED: RequestStatus.RJCT}
_TOLD: Final = {
    Act.NO_INFORMATION: Personal("There is no further information."),
    Act.DUPLICATE: Personal("The payment is a duplicate."),
    Act.WILL_PAY: Personal("A payment will follow."),
}
"""What RTP has no code for is told in words."""

_NO_WORD: Final = "RTP has no word for it."
_AGREEMENT_UNKNOWN: Final = (
    "Which confirmation of a camt.029 means on RTP that a request is withdrawn is not public: set "
    "FIFTEEN_RTP__WITHDRAWAL_AGREED_CODE once the rail has told you."
)
_UNSAID: Final[Mapping[Act, str]] = {
    Act.PRESENTED: f"{_NO_WORD} A request is accepted or refused.",
    Act.WITHDRAWAL_DEFERRED: f"{_NO_WORD} A withdrawal is refused, or agreed to.",
    Act.STATUS_ASKED: "That RTP carries a status request to another institution no public text says.",
    Act.DEFERRED: f"{_NO_WORD} A question is answered once, with what is told.",
}
_NO_REPORTS: Final = "RTP's message set has no account reports (camt.060, camt.052)."
_REFUSAL_REASON: Final = "NARR"
_WITHDRAWAL_REFUSAL_REASON: Final = "NOOR"


class RtpConversations:
    """Implements `gateway.service.conversations.rail.ConversationRail` for RTP."""

    rail: Final = Rail.RTP

    def __init__(self, dialect: RtpDialect, *, withdrawal_agreed: str | None) -> None:
        self._dialect = dialect
        self._withdrawal_agreed = None if withdrawal_agreed is None else Confirmation(withdrawal_agreed)
        self._receipts = RtpRequests(dialect)
        self._manner = Manner(zone=ZoneInfo(dialect.profile.time_zone), message_id=dialect.message_id, agent=agent)

    @property
    def service(self) -> RoutingNumber:
        """The rail, by the nine digits of the id that our messages go to."""
        return self._dialect.rail_number

    @property
    def services(self) -> frozenset[RoutingNumber]:
        """The rail, by the nine digits of each of its ids."""
        return self._dialect.rail_numbers

    def unsaid(self, kind: ConversationKind, act: Act | None) -> str | None:
        """Return why something cannot be said on RTP; an account report has no messages at all."""
        if kind is ConversationKind.ACCOUNT_REPORT:
            return _NO_REPORTS
        if act in {Act.WITHDRAWAL_ASKED, Act.WITHDRAWAL_AGREED} and self._withdrawal_agreed is None:
            return _AGREEMENT_UNKNOWN
        return None if act is None else _UNSAID.get(act)

    def own_reason(self, act: Act, reason: Reason) -> Reason:
        """Return a reason of the gateway's as RTP's lists have it: where they lack its code, in words, or as NOOR."""
        profile = self._dialect.profile
        if act is Act.WITHDRAWAL_REFUSED:
            is_listed, code = reason.code in profile.resolution_reasons, _WITHDRAWAL_REFUSAL_REASON
        else:
            is_listed, code = reason.code in profile.request_reasons, _REFUSAL_REASON
        return reason if is_listed else replace(reason, code=code, text=reason.text or f"Refused with {reason.code}.")

    # --- what is heard ---

    def opening(self, talk: Talk, *, business_message_id: str) -> Opening | None:  # noqa: ARG002
        """Return what a message opens: a request, or a question."""
        match talk:
            case RequestForPayment():
                return request_heard(talk)
            case InformationRequest():
                return question_heard(talk, lambda message_id: (message_id, header_id_of(MessageId(message_id))))
            case _:
                return None

    def about(self, said: Talk | Statement) -> Sequence[str]:
        """Return the ids of the messages that it answers, or names; of ours both the Document's and the header's."""
        match said:
            case RequestForPaymentResponse():
                return _both(said.original_message_id)
            case AdditionalPaymentInformation(case=case) if case is not None:
                return _both(case.id)
            case PaymentCancellationRequest():
                named = said.original_message or said.original_group
                return () if named is None or not named.message_name.startswith(_REQUEST) else (named.message_id,)
            case Resolution():
                return _answered(said)
            case PaymentStatusReport() if not said.original_message_name.startswith(_PAYMENT):
                return _both(said.original_message_id)
            case MessageReject():
                return _both(said.related_reference)
            case _:
                return ()

    def speaker(self, said: Talk | Statement) -> str | None:
        """Return who put the case, or answers it, or says what became of a message."""
        return speaker_of(said)

    def act(self, said: Talk | Statement, conversation: Conversation) -> Act | None:
        """Return what it means there."""
        match said:
            case RequestForPaymentResponse():
                return BY_STATUS[said.status]
            case PaymentCancellationRequest():
                return Act.WITHDRAWAL_ASKED
            case AdditionalPaymentInformation():
                return Act.INFORMED
            case Resolution(confirmation=Confirmation.RJCR):
                return Act.WITHDRAWAL_REFUSED
            case Resolution(confirmation=confirmation) if confirmation is self._withdrawal_agreed is not None:
                return Act.WITHDRAWAL_AGREED
            case PaymentStatusReport(status=TransactionStatus.RJCT) | MessageReject() if self._is_of_a_copy(said):
                return Act.RECEIPT  # the first has arrived
            case PaymentStatusReport(status=TransactionStatus.RJCT):
                return refused(header_id_of(said.original_message_id), conversation)
            case PaymentStatusReport():
                return Act.RECEIPT
            case MessageReject():
                return refused(header_id_of(MessageId(said.related_reference)), conversation)
            case _:
                return None

    def _is_of_a_copy(self, refusal: Statement) -> bool:
        given = reason_of(refusal)
        return given is not None and given.code in self._dialect.copy_refusals

    def reason(self, said: Talk | Statement) -> Reason | None:
        """Return the code that it states first."""
        return reason_of(said)

    def receipt(self, said: Talk | Statement, *, message_type: str, at: datetime) -> OutboundMessage | None:
        """Return the pacs.002 that says that a message has arrived; what says so itself is not answered."""
        match said:
            case PaymentCancellationRequest() | Resolution():
                return self._receipts.receipt(said, at=at)
            case (
                RequestForPayment()
                | RequestForPaymentResponse()
                | InformationRequest()
                | AdditionalPaymentInformation()
            ):
                own, theirs = _between(said)
                if own is None or theirs is None:
                    return None
                return self._receipts.receipt_of(
                    Acknowledged(
                        message_id=said.message_id,
                        message_type=message_type,
                        created_at=said.creation_time,
                        instruction_id=said.instruction_id if isinstance(said, RequestForPayment) else None,
                        author=theirs,
                        reader=own,
                    ),
                    at=at,
                )
            case _:
                return None

    # --- what we open ---

    def request(self, asked: PaymentAsked, conversation_id: ConversationId, *, at: datetime) -> OutboundMessage:
        """Return the pain.013; its ids are one number, as a payment's are."""
        form = self._dialect.form
        payment_type = PaymentType(
            service_levels=(Code(form.service_level or ""),),
            local_instrument=Proprietary(form.local_instrument),
            category_purpose=Proprietary(form.category_purposes.get(asked.category_purpose, asked.category_purpose)),
        )
        request = request_for_payment(self._manner, asked, conversation_id, payment_type, at=at)
        assert form.instruction_id_of is not None, "RTP's instruction ids are made of message ids"
        derived = form.instruction_id_of(request.message_id)
        request = replace(
            request,
            payment_information_id=derived,
            instruction_id=request.instruction_id or derived,
            condition=_CONDITION,
        )
        return self._message(request.message_id, pain013.MESSAGE_TYPE, pain013.build(request), at)

    def question(
        self,
        asked: InformationAsked,
        about: AskedAbout,
        conversation_id: ConversationId,
        *,
        at: datetime,
    ) -> OutboundMessage:
        """Return the camt.026."""
        request = information_request(self._manner, asked, about, conversation_id, at=at)
        return self._message(request.message_id, camt026.MESSAGE_TYPE, camt026.build(request), at)

    def report_request(self, asked: ReportAsked, conversation_id: ConversationId, *, at: datetime) -> OutboundMessage:  # noqa: ARG002
        """Raise: `unsaid` says that there is none."""
        raise AssertionError(_NO_REPORTS)

    def withdrawal(
        self, conversation: Conversation, messages: Sequence[RawMessage], reason: Reason, *, at: datetime
    ) -> OutboundMessage:
        """Return the camt.056 about our request, under a new case."""
        request = pain013.parse(readable_document_in(messages[0]))
        message_id = self._manner.id_of("withdrawal", f"{conversation.conversation_id}:{conversation.version}", at)
        author = request.creditor_agent
        cancellation = PaymentCancellationRequest(
            message_id=message_id,
            assigner=author,
            assignee=request.debtor_agent,
            creation_time=self._manner.time(at),
            case=Case(id=message_id, creator=author),
            original_group=GroupCancellation(message_id=request.message_id, message_name=pain013.MESSAGE_TYPE),
            original_instruction_id=request.instruction_id,
            original_end_to_end_id=request.end_to_end_id,
            original_uetr=request.uetr,
            reasons=stated(reason),
        )
        return self._message(message_id, camt056.MESSAGE_TYPE, camt056.build(cancellation), at)

    def status_question(
        self,
        conversation: Conversation,  # noqa: ARG002
        messages: Sequence[RawMessage],  # noqa: ARG002
        *,
        at: datetime,  # noqa: ARG002
    ) -> OutboundMessage:
        """Raise: `unsaid` says that there is none."""
        raise AssertionError(_UNSAID[Act.STATUS_ASKED])

    # --- what we answer ---

    def answer(
        self,
        conversation: Conversation,
        act: Act,
        messages: Sequence[RawMessage],
        *,
        reason: Reason | None,
        information: Sequence[Personal],
        at: datetime,
    ) -> Sequence[OutboundMessage]:
        """Return the pain.014 to a request, the camt.029 to a withdrawal, the camt.028 to a question."""
        purpose = purpose_of(conversation)
        if conversation.kind is ConversationKind.INFORMATION_REQUEST:
            lines = information or (_TOLD[act],)
            return (self._told(question_in(messages), lines, purpose, at=at),)
        if act in {Act.WITHDRAWAL_AGREED, Act.WITHDRAWAL_REFUSED}:
            withdrawal = camt056.parse(readable_document_in(received(messages, camt056.MESSAGE_TYPE)))
            return (self._withdrawn(withdrawal, act, reason, purpose, at=at),)
        request = request_in(messages)
        answered = replace(
            response(self._manner, request, _STATUSES[act], reason, purpose, at=at),
            original_number_of_transactions="1",
            acceptance_time=self._manner.time(at),
            original_request=OriginalRequest(
                amount=request.amount,
                requested_execution=request.requested_execution,
                creditor_agent=request.creditor_agent,
                creditor=request.creditor,
            ),
        )
        return (self._message(answered.message_id, pain014.MESSAGE_TYPE, pain014.build(answered), at),)

    def findings(self, message: OutboundMessage) -> Sequence[Finding]:
        """Return the errors that schema and profile find in it."""
        return errors_in(message, self._dialect.profile)

    def _told(
        self, question: InformationRequest, lines: Sequence[Personal], purpose: str, *, at: datetime
    ) -> OutboundMessage:
        told = information(self._manner, question, purpose, lines, at=at)
        return self._message(told.message_id, camt028.MESSAGE_TYPE, camt028.build(told), at)

    def _withdrawn(
        self, withdrawal: PaymentCancellationRequest, act: Act, reason: Reason | None, purpose: str, *, at: datetime
    ) -> OutboundMessage:
        group = withdrawal.original_message or withdrawal.original_group
        assert group is not None, "it was found by the request that it names"
        confirmation = self._withdrawal_agreed if act is Act.WITHDRAWAL_AGREED else Confirmation.RJCR
        assert confirmation is not None, "what cannot be said was refused"
        message_id = self._manner.id_of("withdrawal-answer", purpose, at)
        resolution = Resolution(
            message_id=message_id,
            assigner=withdrawal.assignee,
            assignee=withdrawal.assigner,
            creation_time=self._manner.time(at),
            resolved_case=case_of(withdrawal),
            confirmation=confirmation,
            group=GroupResolution(message_id=group.message_id, message_name=group.message_name),
            payments=(
                PaymentResolution(
                    original_instruction_id=withdrawal.original_instruction_id,
                    original_end_to_end_id=withdrawal.original_end_to_end_id,
                    original_uetr=withdrawal.original_uetr,
                    reasons=stated(reason),
                ),
            ),
        )
        return self._message(message_id, camt029.MESSAGE_TYPE, camt029.build(resolution), at)

    def _message(self, message_id: MessageId, message_type: str, document: Element, at: datetime) -> OutboundMessage:
        return self._dialect.message(message_id, message_type, document, MessageClass.NONVALUE, at)


def _both(message_id: str) -> tuple[str, str]:
    """A message's id as its header has it, and as the Document: by the former is known what we have sent.

    That comes first: under the latter others may have opened a conversation with us, be it another of our institutions.
    """
    return header_id_of(MessageId(message_id)), message_id


def _answered(resolution: Resolution) -> Sequence[str]:
    """Of which request for payment a withdrawal is answered."""
    named = [*(each.original_message for each in resolution.payments), resolution.group]
    asked = [each.message_id for each in named if each is not None and each.message_name.startswith(_REQUEST)]
    return [each for message_id in asked for each in _both(message_id)]


def _between(
    said: RequestForPayment | RequestForPaymentResponse | InformationRequest | AdditionalPaymentInformation,
) -> tuple[RoutingNumber | None, RoutingNumber | None]:
    """To which institution of ours a message is, and from which other."""
    match said:
        case (
            RequestForPayment(debtor_agent=own, creditor_agent=theirs)
            | RequestForPaymentResponse(debtor_agent=Agent() as theirs, creditor_agent=Agent() as own)
            | InformationRequest(assigner=Agent() as theirs, assignee=Agent() as own)
            | AdditionalPaymentInformation(assigner=Agent() as theirs, assignee=Agent() as own)
        ):
            return own.member_id, theirs.member_id
        case _:
            return None, None

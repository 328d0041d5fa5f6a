"""What simulated participants answer in conversations, and what they ask, alike on either network.

====================  =================================================================
debtor's account      what becomes of our request for payment (pain.013)
====================  =================================================================
SIMREFUSE             RJCT with CUST
SIMPRESENT            RCVD and PRES, where the network has them, and nothing more
SIMSILENT             nothing but the acknowledgement
SIMPROMISE            ACTC, and it is never paid
SIMTWICE              ACTC, and the same message once more
SIMCONTRADICT         ACTC, then RJCT
SIMUNREAD             admi.002: the network does not forward it
SIMUNTRACED           nothing but the acknowledgement; asked how it stands, it is not traceable
all others            RCVD, PRES, ACTC, and the payment itself
====================  =================================================================

A reason FRAD leaves a withdrawal unanswered, a first code IN15 a question, and DUPL has a withdrawal refused (RJCR with
CUST); what else is answered is each network's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from iso20022 import Amount, EndToEndId, MessageId, Personal, RoutingNumber
from iso20022.messages import pacs008, pain013
from iso20022.messages.actors import Account, Agent, OtherIdentification, PartyDetails
from iso20022.messages.camt026 import InformationRequest, MissingOrIncorrect, Question
from iso20022.messages.camt028 import AddedInformation, AdditionalPaymentInformation
from iso20022.messages.investigation import Case, Underlying, UnderlyingPayment, UnderlyingRequest
from iso20022.messages.original import OriginalMessage, PaymentType, Reason
from iso20022.messages.pain013 import RequestForPayment
from iso20022.messages.pain014 import RequestForPaymentResponse, RequestStatus
from iso20022.messages.remittance import Remittance
from iso20022.messages.shape import Code
from simulators.forwarding import SMALL, Order
from simulators.participants import PARTICIPANTS, Participant, participant_of

SILENT_REASON: Final = "FRAD"
SILENT_CODE: Final = "IN15"
REFUSED_REASON: Final = "DUPL"
UNREAD_ACCOUNT: Final = "SIMUNREAD"
UNTRACED_ACCOUNT: Final = "SIMUNTRACED"
TWICE_ACCOUNT: Final = "SIMTWICE"
NOT_PROVIDED: Final = "NOTPROVIDED"
CUSTOMERS_WISH: Final = Reason(reason=Code("CUST"))
INVENTED_INFORMATION: Final = Personal("Invented invoice 4711")

_DEBTOR_AGENT: Final = PARTICIPANTS[0].routing_number
_CREDITOR_AGENT: Final = PARTICIPANTS[2].routing_number
_END_TO_END_ID: Final = EndToEndId("E2E-ASKED")
_STATUSES: Final[dict[str, tuple[RequestStatus, ...]]] = {
    "SIMREFUSE": (RequestStatus.RJCT,),
    "SIMPRESENT": (RequestStatus.RCVD, RequestStatus.PRES),
    "SIMSILENT": (),
    UNTRACED_ACCOUNT: (),
    "SIMPROMISE": (RequestStatus.ACTC,),
    TWICE_ACCOUNT: (RequestStatus.ACTC,),
    "SIMCONTRADICT": (RequestStatus.ACTC, RequestStatus.RJCT),
}
_USUAL: Final = (RequestStatus.RCVD, RequestStatus.PRES, RequestStatus.ACTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A request that comes from the network, to a participant.

    ``kind`` is ``request_for_payment``, ``withdrawal`` (of the request ``message_id``), ``information_request`` (about
    what the participant has sent under ``message_id``, a message of the type ``original``), ``status_request`` (about
    what it was sent under ``message_id``, of that type) or ``notification`` (that ``message_id`` was credited).
    """

    kind: str
    message_id: MessageId | None = None
    debtor_agent: RoutingNumber = _DEBTOR_AGENT
    creditor_agent: RoutingNumber = _CREDITOR_AGENT
    amount: Amount = SMALL
    end_to_end_id: EndToEndId = _END_TO_END_ID
    pay_in_days: int = 3
    expires_in_s: float | None = None
    code: str = "MS01"
    original: str = pacs008.MESSAGE_TYPE
    copies: int = 1

    @property
    def named(self) -> MessageId:
        """What it is about. Raises ValueError where that is not named."""
        if self.message_id is None:
            raise ValueError("message_id names what it is about")
        return self.message_id


def asking_from(content: Any) -> Asking:
    """The request that a JSON object orders; what it leaves out is as in `Asking`.

    Raises:
        ValueError: it orders none.

    """
    texts = {"kind", "message_id", "debtor_agent", "creditor_agent", "amount", "end_to_end_id", "code", "original"}
    numbers = {"pay_in_days", "expires_in_s", "copies"}
    if not isinstance(content, dict) or not set(content) <= texts | numbers or "kind" not in content:
        raise ValueError(f"an object with kind is meant, and of {', '.join(sorted(texts | numbers))}")
    if any(not isinstance(content[name], str) for name in texts & set(content)):
        raise ValueError(f"{', '.join(sorted(texts))} are texts")
    if any(type(content[name]) not in {int, float} for name in numbers & set(content)):
        raise ValueError(f"{', '.join(sorted(numbers))} are numbers")
    values = dict(content)
    if "amount" in values:
        values["amount"] = Amount.parse(values["amount"])
    return Asking(**values)


# --- what is answered ---


def statuses_of(request: RequestForPayment) -> tuple[RequestStatus, ...]:
    """What the debtor's institution says of a request, in this order."""
    return _STATUSES.get(number_of(request.debtor_account), _USUAL)


def payment_for(request: RequestForPayment) -> Order | None:
    """The payment that a request leads to, if it does."""
    account = number_of(request.debtor_account)
    debtor, creditor = request.debtor_agent.member_id, request.creditor_agent.member_id
    if account in _STATUSES or debtor is None or creditor is None:
        return None
    return Order(
        amount=request.amount,
        debtor_agent=debtor,
        creditor_agent=creditor,
        debtor_account=account,
        creditor_account=number_of(request.creditor_account),
        end_to_end_id=request.end_to_end_id,
    )


def response_to(
    request: RequestForPayment, status: RequestStatus, message_id: MessageId, *, now: datetime
) -> RequestForPaymentResponse:
    """What the debtor's institution says of a request, as far as both networks have it say that."""
    return RequestForPaymentResponse(
        message_id=message_id,
        creation_time=now,
        initiating_party=request.debtor,
        debtor_agent=request.debtor_agent,
        creditor_agent=request.creditor_agent,
        original_message_id=request.message_id,
        original_message_name=pain013.MESSAGE_TYPE,
        original_creation_time=request.creation_time,
        original_payment_information_id=request.payment_information_id or NOT_PROVIDED,
        original_end_to_end_id=request.end_to_end_id,
        original_uetr=request.uetr,
        status=status,
        reasons=(CUSTOMERS_WISH,) if status is RequestStatus.RJCT else (),
    )


def information_told(
    question: InformationRequest, message_id: MessageId, *, now: datetime
) -> AdditionalPaymentInformation:
    """The invented information about a payment that was asked about."""
    return AdditionalPaymentInformation(
        message_id=message_id,
        assigner=question.assignee,
        assignee=question.assigner,
        creation_time=now,
        case=question.case,
        underlying=question.underlying,
        information=AddedInformation(remittance=Remittance(unstructured=(INVENTED_INFORMATION,))),
    )


def first_reason(reasons: Sequence[Reason]) -> str:
    """The code that is stated first; nothing where none is."""
    return next((each.reason.text for each in reasons if each.reason is not None), "")


def first_code(question: InformationRequest) -> str:
    """What is asked first; nothing where no codes are."""
    asked = question.justification
    if not isinstance(asked, MissingOrIncorrect):
        return ""
    return next((each.code for each in (*asked.missing, *asked.incorrect)), "")


# --- what is asked ---


def receiver_of(asking: Asking, participants: tuple[Participant, ...]) -> Participant:
    """The institution that the network asks. Raises ValueError when it is no participant."""
    receiver = participant_of(asking.debtor_agent, participants)
    if receiver is None:
        raise ValueError(f"{asking.debtor_agent} is no participant")
    return receiver


def request_asked(
    asking: Asking,
    message_id: MessageId,
    payment_type: PaymentType,
    *,
    agent: Callable[[RoutingNumber], Agent],
    today: date,
    now: datetime,
) -> RequestForPayment:
    """A request for payment that the network orders."""
    creditor = PartyDetails(name=Personal("Sample Creditor"))
    return RequestForPayment(
        message_id=message_id,
        creation_time=now,
        initiating_party=creditor,
        payment_information_id=f"PI{message_id[-18:]}",
        requested_execution=today + timedelta(days=asking.pay_in_days),
        expiry=None if asking.expires_in_s is None else now + timedelta(seconds=asking.expires_in_s),
        debtor=PartyDetails(name=Personal("Sample Debtor")),
        debtor_account=account("100000007777"),
        debtor_agent=agent(asking.debtor_agent),
        end_to_end_id=asking.end_to_end_id,
        payment_type=payment_type,
        amount=asking.amount,
        creditor_agent=agent(asking.creditor_agent),
        creditor=creditor,
        creditor_account=account("200000000001"),
    )


def question_asked(
    asking: Asking,
    message_id: MessageId,
    *,
    agent: Callable[[RoutingNumber], Agent],
    settled_on: date,
    now: datetime,
) -> InformationRequest:
    """An information request that the network orders, about a payment, or a request for payment, that was sent."""
    author = agent(asking.creditor_agent)
    original = OriginalMessage(message_id=asking.named, message_name=asking.original, creation_time=now)
    underlying: Underlying = UnderlyingPayment(
        original_message=original,
        original_end_to_end_id=asking.end_to_end_id,
        original_amount=asking.amount,
        original_settlement_date=settled_on,
    )
    if asking.original == pain013.MESSAGE_TYPE:
        underlying = UnderlyingRequest(
            original_message=original,
            original_payment_information_id=NOT_PROVIDED,
            original_end_to_end_id=asking.end_to_end_id,
            original_amount=asking.amount,
            requested_execution=settled_on,
        )
    return InformationRequest(
        message_id=message_id,
        assigner=author,
        assignee=agent(asking.debtor_agent),
        creation_time=now,
        case=Case(id=message_id, creator=author),
        underlying=underlying,
        justification=MissingOrIncorrect(missing=(Question(code=asking.code),)),
    )


def account(number: str) -> Account:
    """An account as messages name it."""
    return Account(id=OtherIdentification(id=Personal(number)))


def number_of(named: Account | None) -> str:
    """The number of an account; nothing where it has none."""
    identified = None if named is None else named.id
    return identified.id.reveal() if isinstance(identified, OtherIdentification) else ""

"""The answer to a request for payment, pain.014.001.07."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from lxml import etree

from iso20022.amount import Amount
from iso20022.fields import FieldReader
from iso20022.identifiers import EndToEndId, InstructionId, MessageId, Uetr
from iso20022.layout import Layout
from iso20022.messages.actors import ACCOUNT, AGENT, PARTY, Account, Agent, PartyDetails, known_as
from iso20022.messages.original import (
    CHARGE,
    PAYMENT_TYPE,
    REASON,
    Charge,
    PaymentType,
    Reason,
    reasons_known_as,
)
from iso20022.messages.remittance import REMITTANCE, Remittance
from iso20022.messages.request import CONDITION_STATUS, PAYMENT_CONDITION, ConditionStatus, PaymentCondition
from iso20022.messages.shape import (
    DATE_OR_TIME,
    MONEY,
    TEXT,
    TIME,
    Shape,
    enumerated,
    layout_of,
    read_message,
)

MESSAGE_TYPE: Final = "pain.014.001.07"
"""The message identifier that this module reads and builds."""

_GROUP: Final = "OrgnlGrpInfAndSts"
_REQUEST: Final = "OrgnlPmtInfAndSts"
_TRANSACTION: Final = f"{_REQUEST}/TxInfAndSts"


class RequestStatus(StrEnum):
    """What became of a request for payment (FedNow: all four; RTP: ACTC and RJCT)."""

    RCVD = "RCVD"
    """It has arrived."""
    PRES = "PRES"
    """It was shown to the debtor."""
    ACTC = "ACTC"
    """It is accepted: a payment will follow."""
    RJCT = "RJCT"
    """It is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalRequest:
    """What is repeated of the original request (``OrgnlTxRef``); enclosed files are not in it."""

    amount: Amount | None = None
    requested_execution: date | datetime | None = None
    expiry: date | datetime | None = None
    condition: PaymentCondition | None = None
    payment_type: PaymentType | None = None
    payment_method: str | None = None
    remittance: Remittance | None = None
    ultimate_debtor: PartyDetails | None = None
    debtor: PartyDetails | None = None
    debtor_account: Account | None = None
    debtor_agent: Agent | None = None
    creditor_agent: Agent
    creditor: PartyDetails
    creditor_account: Account | None = None
    ultimate_creditor: PartyDetails | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestForPaymentResponse:
    """What the debtor's institution, or the service, says of one request for payment.

    ``status`` is the transaction's; a status of the group or of the payment information is kept as text, for neither
    rail uses them. ``carries_all`` is False where the Document says more than this value holds: it is then what counts.
    """

    message_id: MessageId
    creation_time: datetime
    initiating_party: PartyDetails
    debtor_agent: Agent | None = None
    creditor_agent: Agent | None = None
    original_message_id: MessageId
    original_message_name: str
    original_creation_time: datetime | None = None
    original_number_of_transactions: str | None = None
    group_status: str | None = None
    group_reasons: tuple[Reason, ...] = ()
    original_payment_information_id: str
    payment_information_status: str | None = None
    payment_information_reasons: tuple[Reason, ...] = ()
    status_id: str | None = None
    original_instruction_id: InstructionId | None = None
    original_end_to_end_id: EndToEndId | None = None
    original_uetr: Uetr | None = None
    status: RequestStatus
    reasons: tuple[Reason, ...] = ()
    condition_status: ConditionStatus | None = None
    charges: tuple[Charge, ...] = ()
    debtor_decision_time: datetime | None = None
    acceptance_time: datetime | None = None
    account_servicer_reference: str | None = None
    clearing_system_reference: str | None = None
    original_request: OriginalRequest | None = None
    carries_all: bool = True


_ORIGINAL_REQUEST: Final = Shape(
    OriginalRequest,
    (
        ("Amt/InstdAmt", "amount", MONEY),
        ("ReqdExctnDt", "requested_execution", DATE_OR_TIME),
        ("XpryDt", "expiry", DATE_OR_TIME),
        ("PmtCond", "condition", PAYMENT_CONDITION),
        ("PmtTpInf", "payment_type", PAYMENT_TYPE),
        ("PmtMtd", "payment_method", TEXT),
        ("RmtInf", "remittance", REMITTANCE),
        ("UltmtDbtr", "ultimate_debtor", PARTY),
        ("Dbtr", "debtor", PARTY),
        ("DbtrAcct", "debtor_account", ACCOUNT),
        ("DbtrAgt", "debtor_agent", AGENT),
        ("CdtrAgt", "creditor_agent", AGENT),
        ("Cdtr", "creditor", PARTY),
        ("CdtrAcct", "creditor_account", ACCOUNT),
        ("UltmtCdtr", "ultimate_creditor", PARTY),
    ),
)

SHAPE: Final = Shape(
    RequestForPaymentResponse,
    (
        ("GrpHdr/MsgId", "message_id", TEXT),
        ("GrpHdr/CreDtTm", "creation_time", TIME),
        ("GrpHdr/InitgPty", "initiating_party", PARTY),
        ("GrpHdr/DbtrAgt", "debtor_agent", AGENT),
        ("GrpHdr/CdtrAgt", "creditor_agent", AGENT),
        (f"{_GROUP}/OrgnlMsgId", "original_message_id", TEXT),
        (f"{_GROUP}/OrgnlMsgNmId", "original_message_name", TEXT),
        (f"{_GROUP}/OrgnlCreDtTm", "original_creation_time", TIME),
        (f"{_GROUP}/OrgnlNbOfTxs", "original_number_of_transactions", TEXT),
        (f"{_GROUP}/GrpSts", "group_status", TEXT),
        (f"{_GROUP}/StsRsnInf", "group_reasons", REASON),
        (f"{_REQUEST}/OrgnlPmtInfId", "original_payment_information_id", TEXT),
        (f"{_REQUEST}/PmtInfSts", "payment_information_status", TEXT),
        (f"{_REQUEST}/StsRsnInf", "payment_information_reasons", REASON),
        (f"{_TRANSACTION}/StsId", "status_id", TEXT),
        (f"{_TRANSACTION}/OrgnlInstrId", "original_instruction_id", TEXT),
        (f"{_TRANSACTION}/OrgnlEndToEndId", "original_end_to_end_id", TEXT),
        (f"{_TRANSACTION}/OrgnlUETR", "original_uetr", TEXT),
        (f"{_TRANSACTION}/TxSts", "status", enumerated(RequestStatus)),
        (f"{_TRANSACTION}/StsRsnInf", "reasons", REASON),
        (f"{_TRANSACTION}/PmtCondSts", "condition_status", CONDITION_STATUS),
        (f"{_TRANSACTION}/ChrgsInf", "charges", CHARGE),
        (f"{_TRANSACTION}/DbtrDcsnDtTm", "debtor_decision_time", TIME),
        (f"{_TRANSACTION}/AccptncDtTm", "acceptance_time", TIME),
        (f"{_TRANSACTION}/AcctSvcrRef", "account_servicer_reference", TEXT),
        (f"{_TRANSACTION}/ClrSysRef", "clearing_system_reference", TEXT),
        (f"{_TRANSACTION}/OrgnlTxRef", "original_request", _ORIGINAL_REQUEST),
    ),
    containers={"requests": _REQUEST, "transactions": _TRANSACTION},
)
"""The answer as the content of its element."""

LAYOUT: Final[Layout] = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="CdtrPmtActvtnReqStsRpt")
"""Where each field stands."""


def parse(document: etree._Element) -> RequestForPaymentResponse:
    """The answer in the Document. Raises RemoteProtocolError naming the first element that cannot be read.

    A status outside :class:`RequestStatus` is unreadable, never read as another.
    """
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> RequestForPaymentResponse:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(response: RequestForPaymentResponse) -> etree._Element:
    """The Document of an answer; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(SHAPE.rows("", response))


def summary(response: RequestForPaymentResponse) -> str:
    """The answer in a line for people, without personal data."""
    original = f"{response.original_message_name} {response.original_message_id}"
    condition = response.condition_status
    accepted = None if condition is None else condition.accepted_amount
    amount = "" if accepted is None else f" {accepted} USD"
    by = "" if response.debtor_agent is None else f" by {known_as(response.debtor_agent)}"
    name = f"Response {response.message_id} to the request for payment {original}"
    return f"{name}{by}: {response.status}{amount}{reasons_known_as(response.reasons)}"

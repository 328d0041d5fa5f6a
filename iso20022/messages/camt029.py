"""The resolution of an investigation, camt.029.001.09: the answer to camt.056, camt.055 or camt.026."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from lxml import etree

from iso20022.amount import Amount
from iso20022.fields import FieldReader
from iso20022.identifiers import EndToEndId, InstructionId, MessageId, TransactionId, Uetr
from iso20022.layout import Layout
from iso20022.messages.actors import ACTOR, Actor
from iso20022.messages.investigation import ASSIGNMENT_ROWS, CASE, Assignment, Case, between
from iso20022.messages.original import (
    ORIGINAL_MESSAGE,
    ORIGINAL_TRANSACTION,
    REASON,
    OriginalMessage,
    OriginalTransaction,
    Reason,
    reasons_known_as,
)
from iso20022.messages.shape import (
    DATE,
    DATE_OR_TIME,
    MONEY,
    TEXT,
    TIME,
    Alternative,
    OneOf,
    Shape,
    enumerated,
    layout_of,
    read_message,
)

MESSAGE_TYPE: Final = "camt.029.001.09"
"""The message identifier that this module reads and builds."""

_PAYMENT: Final = "CxlDtls/TxInfAndSts"
_REQUEST: Final = "CxlDtls/OrgnlPmtInfAndSts"


class Confirmation(StrEnum):
    """What came of the case (ISO external code set InvestigationExecutionConfirmation, as far as the rails use it)."""

    IPAY = "IPAY"
    """The payment was initiated: the money is, or is being, returned."""
    PECR = "PECR"
    """The cancellation was executed in part."""
    RJCR = "RJCR"
    """The cancellation is refused."""
    PDCR = "PDCR"
    """The cancellation is still being looked into."""
    CNCL = "CNCL"
    """Cancelled, as was asked."""
    INFO = "INFO"
    """Additional information is sent (camt.028)."""
    NINF = "NINF"
    """There is no further information."""
    IDUP = "IDUP"
    """The payment is indeed a duplicate."""
    PDNG = "PDNG"
    """The question is still being looked into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupResolution:
    """The original message of the payment that the case is about."""

    group_cancellation_id: str | None = None
    case: Case | None = None
    message_id: MessageId
    message_name: str
    creation_time: datetime | None = None
    number_of_transactions: str | None = None
    status: str | None = None
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTransactionResolution:
    """What becomes of one payment that was asked for."""

    cancellation_status_id: str | None = None
    case: Case | None = None
    original_instruction_id: InstructionId | None = None
    original_end_to_end_id: EndToEndId | None = None
    original_uetr: Uetr | None = None
    status: str | None = None
    reasons: tuple[Reason, ...] = ()
    original_amount: Amount | None = None
    original_requested_execution: date | datetime | None = None
    original_transaction: OriginalTransaction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestResolution:
    """What becomes of a request for payment that was to be cancelled."""

    cancellation_id: str | None = None
    case: Case | None = None
    original_payment_information_id: str
    original_message: OriginalMessage | None = None
    status: str | None = None
    reasons: tuple[Reason, ...] = ()
    transactions: tuple[RequestTransactionResolution, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionDetails:
    """By which payment the case was resolved: the ids, amount and day of the return."""

    end_to_end_id: EndToEndId | None = None
    transaction_id: TransactionId | None = None
    uetr: Uetr | None = None
    amount: Amount | None = None
    settlement_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentResolution:
    """What becomes of a payment that was to be returned."""

    cancellation_status_id: str | None = None
    case: Case | None = None
    original_message: OriginalMessage | None = None
    original_instruction_id: InstructionId | None = None
    original_end_to_end_id: EndToEndId | None = None
    original_transaction_id: TransactionId | None = None
    original_clearing_system_reference: str | None = None
    original_uetr: Uetr | None = None
    status: str | None = None
    reasons: tuple[Reason, ...] = ()
    details: ResolutionDetails | None = None
    original_amount: Amount | None = None
    original_settlement_date: date | None = None
    assigner: Actor | None = None
    assignee: Actor | None = None
    original_transaction: OriginalTransaction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectiveMessage:
    """The message of a payment that puts things right."""

    message_id: MessageId
    message_name: str
    creation_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectivePayment:
    """The payment between institutions that puts things right."""

    message: CorrectiveMessage | None = None
    instruction_id: InstructionId | None = None
    end_to_end_id: EndToEndId | None = None
    transaction_id: TransactionId | None = None
    uetr: Uetr | None = None
    amount: Amount
    settlement_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectiveRequest:
    """The request for payment that puts things right."""

    message: CorrectiveMessage | None = None
    payment_information_id: str | None = None
    instruction_id: InstructionId | None = None
    end_to_end_id: EndToEndId | None = None
    uetr: Uetr | None = None
    amount: Amount
    requested_execution: date | datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution(Assignment):
    """The answer in an investigation, or one of the service's own refusals.

    Which kind it is, the header's market practice says on FedNow, and the confirmation as far as it goes. ``group``,
    ``requests`` and ``payments`` are what it says of the original. ``carries_all`` is False where the Document says
    more than this value holds (modifications, claims of non-receipt, account statements): it is then what counts.
    """

    resolved_case: Case | None = None
    confirmation: Confirmation
    group: GroupResolution | None = None
    requests: tuple[RequestResolution, ...] = ()
    payments: tuple[PaymentResolution, ...] = ()
    correction: CorrectivePayment | CorrectiveRequest | None = None
    details: ResolutionDetails | None = None
    carries_all: bool = True


_DETAILS: Final = Shape(
    ResolutionDetails,
    (
        ("EndToEndId", "end_to_end_id", TEXT),
        ("TxId", "transaction_id", TEXT),
        ("UETR", "uetr", TEXT),
        ("IntrBkSttlmAmt", "amount", MONEY),
        ("IntrBkSttlmDt", "settlement_date", DATE),
    ),
)
_GROUP: Final = Shape(
    GroupResolution,
    (
        ("OrgnlGrpCxlId", "group_cancellation_id", TEXT),
        ("RslvdCase", "case", CASE),
        ("OrgnlMsgId", "message_id", TEXT),
        ("OrgnlMsgNmId", "message_name", TEXT),
        ("OrgnlCreDtTm", "creation_time", TIME),
        ("OrgnlNbOfTxs", "number_of_transactions", TEXT),
        ("GrpCxlSts", "status", TEXT),
        ("CxlStsRsnInf", "reasons", REASON),
    ),
)
_REQUEST_TRANSACTION: Final = Shape(
    RequestTransactionResolution,
    (
        ("CxlStsId", "cancellation_status_id", TEXT),
        ("RslvdCase", "case", CASE),
        ("OrgnlInstrId", "original_instruction_id", TEXT),
        ("OrgnlEndToEndId", "original_end_to_end_id", TEXT),
        ("UETR", "original_uetr", TEXT),
        ("TxCxlSts", "status", TEXT),
        ("CxlStsRsnInf", "reasons", REASON),
        ("OrgnlInstdAmt", "original_amount", MONEY),
        ("OrgnlReqdExctnDt", "original_requested_execution", DATE_OR_TIME),
        ("OrgnlTxRef", "original_transaction", ORIGINAL_TRANSACTION),
    ),
)
_REQUESTS: Final = Shape(
    RequestResolution,
    (
        ("OrgnlPmtInfCxlId", "cancellation_id", TEXT),
        ("RslvdCase", "case", CASE),
        ("OrgnlPmtInfId", "original_payment_information_id", TEXT),
        ("OrgnlGrpInf", "original_message", ORIGINAL_MESSAGE),
        ("PmtInfCxlSts", "status", TEXT),
        ("CxlStsRsnInf", "reasons", REASON),
        ("TxInfAndSts", "transactions", _REQUEST_TRANSACTION),
    ),
)
_PAYMENTS: Final = Shape(
    PaymentResolution,
    (
        ("CxlStsId", "cancellation_status_id", TEXT),
        ("RslvdCase", "case", CASE),
        ("OrgnlGrpInf", "original_message", ORIGINAL_MESSAGE),
        ("OrgnlInstrId", "original_instruction_id", TEXT),
        ("OrgnlEndToEndId", "original_end_to_end_id", TEXT),
        ("OrgnlTxId", "original_transaction_id", TEXT),
        ("OrgnlClrSysRef", "original_clearing_system_reference", TEXT),
        ("OrgnlUETR", "original_uetr", TEXT),
        ("TxCxlSts", "status", TEXT),
        ("CxlStsRsnInf", "reasons", REASON),
        ("RsltnRltdInf", "details", _DETAILS),
        ("OrgnlIntrBkSttlmAmt", "original_amount", MONEY),
        ("OrgnlIntrBkSttlmDt", "original_settlement_date", DATE),
        ("Assgnr", "assigner", ACTOR),
        ("Assgne", "assignee", ACTOR),
        ("OrgnlTxRef", "original_transaction", ORIGINAL_TRANSACTION),
    ),
)
_CORRECTIVE_MESSAGE: Final = Shape(
    CorrectiveMessage,
    (("MsgId", "message_id", TEXT), ("MsgNmId", "message_name", TEXT), ("CreDtTm", "creation_time", TIME)),
)
_CORRECTION: Final = OneOf(
    {
        "request": Alternative(
            "Initn",
            CorrectiveRequest,
            Shape(
                CorrectiveRequest,
                (
                    ("GrpHdr", "message", _CORRECTIVE_MESSAGE),
                    ("PmtInfId", "payment_information_id", TEXT),
                    ("InstrId", "instruction_id", TEXT),
                    ("EndToEndId", "end_to_end_id", TEXT),
                    ("UETR", "uetr", TEXT),
                    ("InstdAmt", "amount", MONEY),
                    ("ReqdExctnDt", "requested_execution", DATE_OR_TIME),
                ),
            ),
        ),
        "payment": Alternative(
            "IntrBk",
            CorrectivePayment,
            Shape(
                CorrectivePayment,
                (
                    ("GrpHdr", "message", _CORRECTIVE_MESSAGE),
                    ("InstrId", "instruction_id", TEXT),
                    ("EndToEndId", "end_to_end_id", TEXT),
                    ("TxId", "transaction_id", TEXT),
                    ("UETR", "uetr", TEXT),
                    ("IntrBkSttlmAmt", "amount", MONEY),
                    ("IntrBkSttlmDt", "settlement_date", DATE),
                ),
            ),
        ),
    }
)

SHAPE: Final = Shape(
    Resolution,
    (
        *ASSIGNMENT_ROWS,
        ("RslvdCase", "resolved_case", CASE),
        ("Sts/Conf", "confirmation", enumerated(Confirmation)),
        ("CxlDtls/OrgnlGrpInfAndSts", "group", _GROUP),
        (_REQUEST, "requests", _REQUESTS),
        (_PAYMENT, "payments", _PAYMENTS),
        ("CrrctnTx", "correction", _CORRECTION),
        ("RsltnRltdInf", "details", _DETAILS),
    ),
    containers={"cancellations": "CxlDtls"},
)
"""The answer as the content of its element."""

LAYOUT: Final[Layout] = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="RsltnOfInvstgtn")
"""Where each field stands."""


def parse(document: etree._Element) -> Resolution:
    """The answer in the Document. Raises RemoteProtocolError naming the first element that cannot be read.

    A confirmation outside :class:`Confirmation` is unreadable, never read as another.
    """
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> Resolution:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(resolution: Resolution) -> etree._Element:
    """The Document of an answer; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(SHAPE.rows("", resolution))


def summary(resolution: Resolution) -> str:
    """The answer in a line for people, without personal data."""
    case = "" if resolution.resolved_case is None else f" in case {resolution.resolved_case.id}"
    name = f"Resolution {resolution.message_id}"
    return f"{name} {between(resolution)}{case}: {resolution.confirmation}{reasons_known_as(all_reasons(resolution))}"


def all_reasons(resolution: Resolution) -> tuple[Reason, ...]:
    """The reasons of an answer, wherever in it they stand."""
    group = () if resolution.group is None else resolution.group.reasons
    requests = (reason for request in resolution.requests for reason in request.reasons)
    asked = (reason for request in resolution.requests for one in request.transactions for reason in one.reasons)
    payments = (reason for payment in resolution.payments for reason in payment.reasons)
    return (*group, *requests, *asked, *payments)

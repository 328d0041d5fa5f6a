"""The cancellation of a request for payment, camt.055.001.09."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from lxml import etree

from iso20022.amount import Amount
from iso20022.fields import FieldReader
from iso20022.identifiers import EndToEndId, InstructionId, Uetr
from iso20022.layout import Layout
from iso20022.messages.investigation import (
    ASSIGNMENT_ROWS,
    CASE,
    GROUP_CANCELLATION,
    Assignment,
    Case,
    GroupCancellation,
    between,
)
from iso20022.messages.original import (
    ORIGINAL_MESSAGE,
    ORIGINAL_TRANSACTION,
    REASON,
    OriginalMessage,
    OriginalTransaction,
    Reason,
    reasons_known_as,
)
from iso20022.messages.shape import BOOLEAN, DATE_OR_TIME, MONEY, TEXT, Shape, layout_of, read_message

MESSAGE_TYPE: Final = "camt.055.001.09"
"""The message identifier that this module reads and builds."""

_REQUEST: Final = "Undrlyg/OrgnlPmtInfAndCxl"
_TRANSACTION: Final = f"{_REQUEST}/TxInf"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestForPaymentCancellation(Assignment):
    """The request to take back one request for payment (pain.013), which must not have been paid yet.

    ``carries_all`` is False where the Document says more than this value holds: it is then what counts.
    """

    case: Case | None = None
    number_of_transactions: str | None = None
    original_group: GroupCancellation | None = None
    payment_cancellation_id: str | None = None
    payment_case: Case | None = None
    original_payment_information_id: str
    original_message: OriginalMessage | None = None
    payment_number_of_transactions: str | None = None
    whole_payment: bool | None = None
    payment_reasons: tuple[Reason, ...] = ()
    cancellation_id: str | None = None
    transaction_case: Case | None = None
    original_instruction_id: InstructionId | None = None
    original_end_to_end_id: EndToEndId | None = None
    original_uetr: Uetr | None = None
    original_amount: Amount | None = None
    original_requested_execution: date | datetime | None = None
    reasons: tuple[Reason, ...] = ()
    original_transaction: OriginalTransaction | None = None
    carries_all: bool = True


SHAPE: Final = Shape(
    RequestForPaymentCancellation,
    (
        *ASSIGNMENT_ROWS,
        ("Case", "case", CASE),
        ("CtrlData/NbOfTxs", "number_of_transactions", TEXT),
        ("Undrlyg/OrgnlGrpInfAndCxl", "original_group", GROUP_CANCELLATION),
        (f"{_REQUEST}/PmtCxlId", "payment_cancellation_id", TEXT),
        (f"{_REQUEST}/Case", "payment_case", CASE),
        (f"{_REQUEST}/OrgnlPmtInfId", "original_payment_information_id", TEXT),
        (f"{_REQUEST}/OrgnlGrpInf", "original_message", ORIGINAL_MESSAGE),
        (f"{_REQUEST}/NbOfTxs", "payment_number_of_transactions", TEXT),
        (f"{_REQUEST}/PmtInfCxl", "whole_payment", BOOLEAN),
        (f"{_REQUEST}/CxlRsnInf", "payment_reasons", REASON),
        (f"{_TRANSACTION}/CxlId", "cancellation_id", TEXT),
        (f"{_TRANSACTION}/Case", "transaction_case", CASE),
        (f"{_TRANSACTION}/OrgnlInstrId", "original_instruction_id", TEXT),
        (f"{_TRANSACTION}/OrgnlEndToEndId", "original_end_to_end_id", TEXT),
        (f"{_TRANSACTION}/OrgnlUETR", "original_uetr", TEXT),
        (f"{_TRANSACTION}/OrgnlInstdAmt", "original_amount", MONEY),
        (f"{_TRANSACTION}/OrgnlReqdExctnDt", "original_requested_execution", DATE_OR_TIME),
        (f"{_TRANSACTION}/CxlRsnInf", "reasons", REASON),
        (f"{_TRANSACTION}/OrgnlTxRef", "original_transaction", ORIGINAL_TRANSACTION),
    ),
    containers={"underlyings": "Undrlyg", "requests": _REQUEST, "transactions": _TRANSACTION},
)
"""The request as the content of its element."""

LAYOUT: Final[Layout] = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="CstmrPmtCxlReq")
"""Where each field stands."""


def parse(document: etree._Element) -> RequestForPaymentCancellation:
    """The request in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> RequestForPaymentCancellation:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(request: RequestForPaymentCancellation) -> etree._Element:
    """The Document of a request; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(SHAPE.rows("", request))


def summary(request: RequestForPaymentCancellation) -> str:
    """The request in a line for people, without personal data."""
    original = request.original_message or request.original_group
    name = "" if original is None else f" {original.message_name} {original.message_id}"
    reasons = reasons_known_as(request.reasons or request.payment_reasons)
    return f"Cancellation {request.message_id} {between(request)} of the request for payment{name}{reasons}"

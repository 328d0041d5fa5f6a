"""The return request, camt.056.001.08: the sender of a payment asks its receiver to send the money back."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from lxml import etree

from iso20022.amount import Amount
from iso20022.fields import FieldReader
from iso20022.identifiers import EndToEndId, InstructionId, TransactionId, Uetr
from iso20022.layout import Layout
from iso20022.messages.actors import AGENT, Agent
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
from iso20022.messages.shape import DATE, MONEY, TEXT, Shape, layout_of, read_message

MESSAGE_TYPE: Final = "camt.056.001.08"
"""The message identifier that this module reads and builds."""

_TRANSACTION: Final = "Undrlyg/TxInf"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCancellationRequest(Assignment):
    """The request to have one payment returned, or, on RTP, to cancel what was not answered in time (``DS24``).

    It may name the original message for the payment (``original_message``), for the group (``original_group``), or
    both. ``carries_all`` is False where the Document says more than this value holds: it is then what counts.
    """

    case: Case | None = None
    number_of_transactions: str | None = None
    original_group: GroupCancellation | None = None
    cancellation_id: str | None = None
    transaction_case: Case | None = None
    original_message: OriginalMessage | None = None
    original_instruction_id: InstructionId | None = None
    original_end_to_end_id: EndToEndId | None = None
    original_transaction_id: TransactionId | None = None
    original_uetr: Uetr | None = None
    original_clearing_system_reference: str | None = None
    original_amount: Amount | None = None
    original_settlement_date: date | None = None
    transaction_assigner: Agent | None = None
    transaction_assignee: Agent | None = None
    reasons: tuple[Reason, ...] = ()
    original_transaction: OriginalTransaction | None = None
    carries_all: bool = True


SHAPE: Final = Shape(
    PaymentCancellationRequest,
    (
        *ASSIGNMENT_ROWS,
        ("Case", "case", CASE),
        ("CtrlData/NbOfTxs", "number_of_transactions", TEXT),
        ("Undrlyg/OrgnlGrpInfAndCxl", "original_group", GROUP_CANCELLATION),
        (f"{_TRANSACTION}/CxlId", "cancellation_id", TEXT),
        (f"{_TRANSACTION}/Case", "transaction_case", CASE),
        (f"{_TRANSACTION}/OrgnlGrpInf", "original_message", ORIGINAL_MESSAGE),
        (f"{_TRANSACTION}/OrgnlInstrId", "original_instruction_id", TEXT),
        (f"{_TRANSACTION}/OrgnlEndToEndId", "original_end_to_end_id", TEXT),
        (f"{_TRANSACTION}/OrgnlTxId", "original_transaction_id", TEXT),
        (f"{_TRANSACTION}/OrgnlUETR", "original_uetr", TEXT),
        (f"{_TRANSACTION}/OrgnlClrSysRef", "original_clearing_system_reference", TEXT),
        (f"{_TRANSACTION}/OrgnlIntrBkSttlmAmt", "original_amount", MONEY),
        (f"{_TRANSACTION}/OrgnlIntrBkSttlmDt", "original_settlement_date", DATE),
        (f"{_TRANSACTION}/Assgnr", "transaction_assigner", AGENT),
        (f"{_TRANSACTION}/Assgne", "transaction_assignee", AGENT),
        (f"{_TRANSACTION}/CxlRsnInf", "reasons", REASON),
        (f"{_TRANSACTION}/OrgnlTxRef", "original_transaction", ORIGINAL_TRANSACTION),
    ),
    containers={"underlyings": "Undrlyg", "transactions": _TRANSACTION},
    always="Undrlyg",
)
"""The request as the content of its element."""

LAYOUT: Final[Layout] = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="FIToFIPmtCxlReq")
"""Where each field stands."""


def parse(document: etree._Element) -> PaymentCancellationRequest:
    """The request in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> PaymentCancellationRequest:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(request: PaymentCancellationRequest) -> etree._Element:
    """The Document of a request; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(SHAPE.rows("", request))


def summary(request: PaymentCancellationRequest) -> str:
    """The request in a line for people, without personal data."""
    original = request.original_message or request.original_group
    what = "" if original is None else f" of {original.message_name} {original.message_id}"
    amount = "" if request.original_amount is None else f" over {request.original_amount} USD"
    return f"Return request {request.message_id} {between(request)}{what}{amount}{reasons_known_as(request.reasons)}"

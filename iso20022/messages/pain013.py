"""The request for payment, pain.013.001.07: a creditor asks, through its institution, to be paid."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from lxml import etree

from iso20022.amount import Amount
from iso20022.fields import FieldReader
from iso20022.identifiers import EndToEndId, InstructionId, MessageId, Uetr
from iso20022.layout import Layout
from iso20022.messages.actors import ACCOUNT, AGENT, PARTY, Account, Agent, PartyDetails, known_as
from iso20022.messages.original import INSTRUCTION, PAYMENT_TYPE, Instruction, PaymentType
from iso20022.messages.remittance import RELATED_REMITTANCE, REMITTANCE, RelatedRemittance, Remittance
from iso20022.messages.request import PAYMENT_CONDITION, PaymentCondition
from iso20022.messages.shape import (
    CODED,
    DATE_OR_TIME,
    MONEY,
    TEXT,
    TIME,
    Code,
    Proprietary,
    Shape,
    layout_of,
    read_message,
)

MESSAGE_TYPE: Final = "pain.013.001.07"
"""The message identifier that this module reads and builds."""

_REQUEST: Final = "PmtInf"
_TRANSFER: Final = f"{_REQUEST}/CdtTrfTx"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestForPayment:
    """One payment that is asked for. The amount is US dollars.

    ``requested_execution`` and ``expiry`` are a day or a point in time; a day ends at 23:59:59 US Eastern (FedNow
    Operating Procedures, edition of October 2024). The payment's own type and condition stand with the payment
    (``payment_type``, ``condition``); RTP's, and FedNow's, may stand one level above it (``request_...``).
    ``carries_all`` is False where the Document says more than this value holds (cheques, taxes, enclosed files): it is
    then what counts.
    """

    message_id: MessageId
    creation_time: datetime
    number_of_transactions: str = "1"
    initiating_party: PartyDetails
    payment_information_id: str | None = None
    payment_method: str = "TRF"
    request_payment_type: PaymentType | None = None
    requested_execution: date | datetime
    expiry: date | datetime | None = None
    request_condition: PaymentCondition | None = None
    debtor: PartyDetails
    debtor_account: Account | None = None
    debtor_agent: Agent
    ultimate_debtor: PartyDetails | None = None
    request_charge_bearer: str | None = None
    instruction_id: InstructionId | None = None
    end_to_end_id: EndToEndId
    uetr: Uetr | None = None
    payment_type: PaymentType | None = None
    condition: PaymentCondition | None = None
    amount: Amount
    charge_bearer: str = "SLEV"
    transaction_ultimate_debtor: PartyDetails | None = None
    creditor_agent: Agent
    creditor: PartyDetails
    creditor_account: Account | None = None
    ultimate_creditor: PartyDetails | None = None
    instructions_for_creditor_agent: tuple[Instruction, ...] = ()
    purpose: Code | Proprietary | None = None
    related_remittance: tuple[RelatedRemittance, ...] = ()
    remittance: Remittance | None = None
    carries_all: bool = True


SHAPE: Final = Shape(
    RequestForPayment,
    (
        ("GrpHdr/MsgId", "message_id", TEXT),
        ("GrpHdr/CreDtTm", "creation_time", TIME),
        ("GrpHdr/NbOfTxs", "number_of_transactions", TEXT),
        ("GrpHdr/InitgPty", "initiating_party", PARTY),
        (f"{_REQUEST}/PmtInfId", "payment_information_id", TEXT),
        (f"{_REQUEST}/PmtMtd", "payment_method", TEXT),
        (f"{_REQUEST}/PmtTpInf", "request_payment_type", PAYMENT_TYPE),
        (f"{_REQUEST}/ReqdExctnDt", "requested_execution", DATE_OR_TIME),
        (f"{_REQUEST}/XpryDt", "expiry", DATE_OR_TIME),
        (f"{_REQUEST}/PmtCond", "request_condition", PAYMENT_CONDITION),
        (f"{_REQUEST}/Dbtr", "debtor", PARTY),
        (f"{_REQUEST}/DbtrAcct", "debtor_account", ACCOUNT),
        (f"{_REQUEST}/DbtrAgt", "debtor_agent", AGENT),
        (f"{_REQUEST}/UltmtDbtr", "ultimate_debtor", PARTY),
        (f"{_REQUEST}/ChrgBr", "request_charge_bearer", TEXT),
        (f"{_TRANSFER}/PmtId/InstrId", "instruction_id", TEXT),
        (f"{_TRANSFER}/PmtId/EndToEndId", "end_to_end_id", TEXT),
        (f"{_TRANSFER}/PmtId/UETR", "uetr", TEXT),
        (f"{_TRANSFER}/PmtTpInf", "payment_type", PAYMENT_TYPE),
        (f"{_TRANSFER}/PmtCond", "condition", PAYMENT_CONDITION),
        (f"{_TRANSFER}/Amt/InstdAmt", "amount", MONEY),
        (f"{_TRANSFER}/ChrgBr", "charge_bearer", TEXT),
        (f"{_TRANSFER}/UltmtDbtr", "transaction_ultimate_debtor", PARTY),
        (f"{_TRANSFER}/CdtrAgt", "creditor_agent", AGENT),
        (f"{_TRANSFER}/Cdtr", "creditor", PARTY),
        (f"{_TRANSFER}/CdtrAcct", "creditor_account", ACCOUNT),
        (f"{_TRANSFER}/UltmtCdtr", "ultimate_creditor", PARTY),
        (f"{_TRANSFER}/InstrForCdtrAgt", "instructions_for_creditor_agent", INSTRUCTION),
        (f"{_TRANSFER}/Purp", "purpose", CODED),
        (f"{_TRANSFER}/RltdRmtInf", "related_remittance", RELATED_REMITTANCE),
        (f"{_TRANSFER}/RmtInf", "remittance", REMITTANCE),
    ),
    containers={"requests": _REQUEST, "transactions": _TRANSFER},
)
"""The request as the content of its element."""

LAYOUT: Final[Layout] = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="CdtrPmtActvtnReq")
"""Where each field stands."""


def parse(document: etree._Element) -> RequestForPayment:
    """The request in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> RequestForPayment:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(request: RequestForPayment) -> etree._Element:
    """The Document of a request; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(SHAPE.rows("", request))


def summary(request: RequestForPayment) -> str:
    """The request in a line for people, without personal data."""
    agents = f"from {known_as(request.creditor_agent)} to {known_as(request.debtor_agent)}"
    until = "" if request.expiry is None else f", expires {request.expiry.isoformat()}"
    due = f"due {request.requested_execution.isoformat()}"
    return f"Request for payment {request.message_id} of {request.amount} USD {agents}, {due}{until}"

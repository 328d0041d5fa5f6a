"""RTP's standalone remittance, remt.001.001.04: what a payment pays, sent apart from the payment."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from lxml import etree

from iso20022.amount import Amount
from iso20022.fields import FieldReader
from iso20022.identifiers import EndToEndId, InstructionId, MessageId, TransactionId, Uetr
from iso20022.messages.actors import ACCOUNT, AGENT, PARTY, Account, Agent, PartyDetails, known_as
from iso20022.messages.remittance import STRUCTURED, StructuredRemittance
from iso20022.messages.shape import DATE_OR_TIME, MONEY, PERSONAL, TEXT, TIME, Shape, layout_of, read_message
from iso20022.personal import Personal

MESSAGE_TYPE: Final = "remt.001.001.04"
"""The message identifier that this module reads and builds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemittedPayment:
    """The payment that remittance information belongs to. ``requested_execution`` is a day or a ``datetime``."""

    payment_information_id: str | None = None
    instruction_id: InstructionId | None = None
    end_to_end_id: EndToEndId
    transaction_id: TransactionId | None = None
    uetr: Uetr | None = None
    amount: Amount | None = None
    requested_execution: date | None = None
    debtor: PartyDetails | None = None
    debtor_account: Account | None = None
    debtor_agent: Agent | None = None
    creditor: PartyDetails | None = None
    creditor_account: Account | None = None
    creditor_agent: Agent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemittanceInformation:
    """What one payment pays: lines of free text, structured entries, and which payment it is."""

    remittance_id: str | None = None
    unstructured: tuple[Personal, ...] = ()
    structured: tuple[StructuredRemittance, ...] = ()
    payment: RemittedPayment


@dataclass(frozen=True, slots=True, kw_only=True)
class RemittanceAdvice:
    """Remittance information from one party to another; RTP knows both by an identifier (``OrgId/Othr``)."""

    message_id: MessageId
    creation_time: datetime
    initiating_party: PartyDetails
    recipient: PartyDetails | None = None
    remittances: tuple[RemittanceInformation, ...]
    carries_all: bool = True


_PAYMENT: Final = Shape(
    RemittedPayment,
    (
        ("Refs/PmtInfId", "payment_information_id", TEXT),
        ("Refs/InstrId", "instruction_id", TEXT),
        ("Refs/EndToEndId", "end_to_end_id", TEXT),
        ("Refs/TxId", "transaction_id", TEXT),
        ("Refs/UETR", "uetr", TEXT),
        ("Amt/InstdAmt", "amount", MONEY),
        ("ReqdExctnDt", "requested_execution", DATE_OR_TIME),
        ("Dbtr", "debtor", PARTY),
        ("DbtrAcct", "debtor_account", ACCOUNT),
        ("DbtrAgt", "debtor_agent", AGENT),
        ("Cdtr", "creditor", PARTY),
        ("CdtrAcct", "creditor_account", ACCOUNT),
        ("CdtrAgt", "creditor_agent", AGENT),
    ),
)
_INFORMATION: Final = Shape(
    RemittanceInformation,
    (
        ("RmtId", "remittance_id", TEXT),
        ("Ustrd", "unstructured", PERSONAL),
        ("Strd", "structured", STRUCTURED),
        ("OrgnlPmtInf", "payment", _PAYMENT),
    ),
)

SHAPE: Final = Shape(
    RemittanceAdvice,
    (
        ("GrpHdr/MsgId", "message_id", TEXT),
        ("GrpHdr/CreDtTm", "creation_time", TIME),
        ("GrpHdr/InitgPty", "initiating_party", PARTY),
        ("GrpHdr/MsgRcpt", "recipient", PARTY),
        ("RmtInf", "remittances", _INFORMATION),
    ),
)
"""The advice as the content of its element."""

LAYOUT: Final = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="RmtAdvc")
"""Where each field stands."""


def parse(document: etree._Element) -> RemittanceAdvice:
    """The advice in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> RemittanceAdvice:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(advice: RemittanceAdvice) -> etree._Element:
    """The Document of an advice; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(SHAPE.rows("", advice))


def summary(advice: RemittanceAdvice) -> str:
    """The advice in a line for people, without personal data."""
    return f"Remittance advice {advice.message_id}: {'; '.join(map(_about, advice.remittances))}"


def _about(information: RemittanceInformation) -> str:
    payment = information.payment
    amount = "" if payment.amount is None else f" over {payment.amount} USD"
    items = len(information.unstructured) + len(information.structured)
    return (
        f"{items} {'item' if items == 1 else 'items'} for payment {payment.end_to_end_id}{amount} "
        f"from {known_as(payment.debtor_agent)} to {known_as(payment.creditor_agent)}"
    )

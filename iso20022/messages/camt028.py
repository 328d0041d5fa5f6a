"""Additional payment information, camt.028.001.09: what a payment's sender adds to it on request."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from lxml import etree

from iso20022.amount import Amount
from iso20022.fields import FieldReader
from iso20022.identifiers import EndToEndId, InstructionId, TransactionId
from iso20022.layout import Layout
from iso20022.messages.actors import ACCOUNT, AGENT, PARTY, Account, Agent, PartyDetails
from iso20022.messages.investigation import (
    ASSIGNMENT_ROWS,
    CASE,
    UNDERLYING,
    Assignment,
    Case,
    Underlying,
    about,
    between,
)
from iso20022.messages.original import INSTRUCTION, PAYMENT_TYPE, Instruction, PaymentType
from iso20022.messages.remittance import REMITTANCE, Remittance
from iso20022.messages.shape import (
    CODED,
    DATE,
    DATE_OR_TIME,
    MONEY,
    PERSONAL,
    TEXT,
    Code,
    Proprietary,
    Shape,
    layout_of,
    read_message,
)
from iso20022.personal import Personal

MESSAGE_TYPE: Final = "camt.028.001.09"
"""The message identifier that this module reads and builds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedInformation:
    """What is added to the payment, or stated again; each part may be left out."""

    instruction_id: InstructionId | None = None
    end_to_end_id: EndToEndId | None = None
    transaction_id: TransactionId | None = None
    payment_type: PaymentType | None = None
    requested_execution: date | datetime | None = None
    interbank_settlement_date: date | None = None
    instructed_amount: Amount | None = None
    interbank_settlement_amount: Amount | None = None
    charge_bearer: str | None = None
    ultimate_debtor: PartyDetails | None = None
    debtor: PartyDetails | None = None
    debtor_account: Account | None = None
    debtor_agent: Agent | None = None
    debtor_agent_account: Account | None = None
    creditor_agent: Agent | None = None
    creditor_agent_account: Account | None = None
    creditor: PartyDetails | None = None
    creditor_account: Account | None = None
    ultimate_creditor: PartyDetails | None = None
    purpose: Code | Proprietary | None = None
    instruction_for_debtor_agent: Personal | None = None
    instructions_for_next_agent: tuple[Instruction, ...] = ()
    instructions_for_creditor_agent: tuple[Instruction, ...] = ()
    remittance: Remittance | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdditionalPaymentInformation(Assignment):
    """The answer to an information request that says something more of the payment.

    ``carries_all`` is False where the Document says more than this value holds: it is then what counts.
    """

    case: Case | None = None
    underlying: Underlying
    information: AddedInformation
    carries_all: bool = True


_INFORMATION: Final = Shape(
    AddedInformation,
    (
        ("InstrId", "instruction_id", TEXT),
        ("EndToEndId", "end_to_end_id", TEXT),
        ("TxId", "transaction_id", TEXT),
        ("PmtTpInf", "payment_type", PAYMENT_TYPE),
        ("ReqdExctnDt", "requested_execution", DATE_OR_TIME),
        ("IntrBkSttlmDt", "interbank_settlement_date", DATE),
        ("Amt/InstdAmt", "instructed_amount", MONEY),
        ("IntrBkSttlmAmt", "interbank_settlement_amount", MONEY),
        ("ChrgBr", "charge_bearer", TEXT),
        ("UltmtDbtr", "ultimate_debtor", PARTY),
        ("Dbtr", "debtor", PARTY),
        ("DbtrAcct", "debtor_account", ACCOUNT),
        ("DbtrAgt", "debtor_agent", AGENT),
        ("DbtrAgtAcct", "debtor_agent_account", ACCOUNT),
        ("CdtrAgt", "creditor_agent", AGENT),
        ("CdtrAgtAcct", "creditor_agent_account", ACCOUNT),
        ("Cdtr", "creditor", PARTY),
        ("CdtrAcct", "creditor_account", ACCOUNT),
        ("UltmtCdtr", "ultimate_creditor", PARTY),
        ("Purp", "purpose", CODED),
        ("InstrForDbtrAgt", "instruction_for_debtor_agent", PERSONAL),
        ("InstrForNxtAgt", "instructions_for_next_agent", INSTRUCTION),
        ("InstrForCdtrAgt", "instructions_for_creditor_agent", INSTRUCTION),
        ("RmtInf", "remittance", REMITTANCE),
    ),
)

SHAPE: Final = Shape(
    AdditionalPaymentInformation,
    (
        *ASSIGNMENT_ROWS,
        ("Case", "case", CASE),
        ("Undrlyg", "underlying", UNDERLYING),
        ("Inf", "information", _INFORMATION),
    ),
)
"""The answer as the content of its element."""

LAYOUT: Final[Layout] = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="AddtlPmtInf")
"""Where each field stands."""


def parse(document: etree._Element) -> AdditionalPaymentInformation:
    """The answer in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> AdditionalPaymentInformation:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(information: AdditionalPaymentInformation) -> etree._Element:
    """The Document of an answer; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(SHAPE.rows("", information))


def summary(information: AdditionalPaymentInformation) -> str:
    """The answer in a line for people, without personal data."""
    added = information.information
    names = [name.replace("_", " ") for name in added.__dataclass_fields__ if getattr(added, name)]
    what = ", ".join(names) or "nothing"
    name = f"Additional information {information.message_id}"
    return f"{name} {between(information)} {about(information.underlying)}: {what}"

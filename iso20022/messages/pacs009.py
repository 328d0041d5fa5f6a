"""The institution credit transfer, pacs.009.001.08: FedNow's liquidity management transfer, RTP's transfer of FIs."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from lxml import etree

from iso20022.amount import Amount
from iso20022.fields import FieldReader
from iso20022.identifiers import EndToEndId, InstructionId, MessageId, TransactionId, Uetr
from iso20022.layout import Layout
from iso20022.messages.actors import ACCOUNT, AGENT, PARTY, Account, Agent, PartyDetails, known_as
from iso20022.messages.original import INSTRUCTION, PAYMENT_TYPE, Instruction, PaymentType
from iso20022.messages.remittance import REMITTANCE, Remittance
from iso20022.messages.shape import (
    CODED,
    DATE,
    MONEY,
    PERSONAL,
    TEXT,
    TIME,
    Code,
    Proprietary,
    Shape,
    layout_of,
    read_message,
)
from iso20022.personal import Personal

MESSAGE_TYPE: Final = "pacs.009.001.08"
"""The message identifier that this module reads and builds."""

_TRANSFER: Final = "CdtTrfTxInf"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredTransfer:
    """The customers' payment that the institutions' transfer covers (``UndrlygCstmrCdtTrf``)."""

    ultimate_debtor: PartyDetails | None = None
    initiating_party: PartyDetails | None = None
    debtor: PartyDetails
    debtor_account: Account | None = None
    debtor_agent: Agent
    debtor_agent_account: Account | None = None
    creditor_agent: Agent
    creditor_agent_account: Account | None = None
    creditor: PartyDetails
    creditor_account: Account | None = None
    ultimate_creditor: PartyDetails | None = None
    instructions_for_creditor_agent: tuple[Instruction, ...] = ()
    instructions_for_next_agent: tuple[Instruction, ...] = ()
    remittance: Remittance | None = None
    instructed_amount: Amount | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstitutionCreditTransfer:
    """One transfer between two institutions for their own account. The amount is US dollars.

    ``carries_all`` is False where the Document says more than this value holds: it is then what counts.
    """

    message_id: MessageId
    creation_time: datetime
    number_of_transactions: str = "1"
    total_amount: Amount | None = None
    group_settlement_date: date | None = None
    settlement_method: str = "CLRG"
    clearing_system: str | None = "FDN"
    instruction_id: InstructionId | None = None
    end_to_end_id: EndToEndId
    transaction_id: TransactionId | None = None
    uetr: Uetr | None = None
    clearing_system_reference: str | None = None
    payment_type: PaymentType | None = None
    amount: Amount
    settlement_date: date | None = None
    instructing_agent: Agent | None = None
    instructed_agent: Agent | None = None
    ultimate_debtor: Agent | None = None
    debtor: Agent
    debtor_account: Account | None = None
    debtor_agent: Agent | None = None
    debtor_agent_account: Account | None = None
    creditor_agent: Agent | None = None
    creditor_agent_account: Account | None = None
    creditor: Agent
    creditor_account: Account | None = None
    ultimate_creditor: Agent | None = None
    instructions_for_creditor_agent: tuple[Instruction, ...] = ()
    instructions_for_next_agent: tuple[Instruction, ...] = ()
    purpose: Code | Proprietary | None = None
    remittance: tuple[Personal, ...] = ()
    covered_transfer: CoveredTransfer | None = None
    carries_all: bool = True


_COVERED: Final = Shape(
    CoveredTransfer,
    (
        ("UltmtDbtr", "ultimate_debtor", PARTY),
        ("InitgPty", "initiating_party", PARTY),
        ("Dbtr", "debtor", PARTY),
        ("DbtrAcct", "debtor_account", ACCOUNT),
        ("DbtrAgt", "debtor_agent", AGENT),
        ("DbtrAgtAcct", "debtor_agent_account", ACCOUNT),
        ("CdtrAgt", "creditor_agent", AGENT),
        ("CdtrAgtAcct", "creditor_agent_account", ACCOUNT),
        ("Cdtr", "creditor", PARTY),
        ("CdtrAcct", "creditor_account", ACCOUNT),
        ("UltmtCdtr", "ultimate_creditor", PARTY),
        ("InstrForCdtrAgt", "instructions_for_creditor_agent", INSTRUCTION),
        ("InstrForNxtAgt", "instructions_for_next_agent", INSTRUCTION),
        ("RmtInf", "remittance", REMITTANCE),
        ("InstdAmt", "instructed_amount", MONEY),
    ),
)

SHAPE: Final = Shape(
    InstitutionCreditTransfer,
    (
        ("GrpHdr/MsgId", "message_id", TEXT),
        ("GrpHdr/CreDtTm", "creation_time", TIME),
        ("GrpHdr/NbOfTxs", "number_of_transactions", TEXT),
        ("GrpHdr/TtlIntrBkSttlmAmt", "total_amount", MONEY),
        ("GrpHdr/IntrBkSttlmDt", "group_settlement_date", DATE),
        ("GrpHdr/SttlmInf/SttlmMtd", "settlement_method", TEXT),
        ("GrpHdr/SttlmInf/ClrSys/Cd", "clearing_system", TEXT),
        (f"{_TRANSFER}/PmtId/InstrId", "instruction_id", TEXT),
        (f"{_TRANSFER}/PmtId/EndToEndId", "end_to_end_id", TEXT),
        (f"{_TRANSFER}/PmtId/TxId", "transaction_id", TEXT),
        (f"{_TRANSFER}/PmtId/UETR", "uetr", TEXT),
        (f"{_TRANSFER}/PmtId/ClrSysRef", "clearing_system_reference", TEXT),
        (f"{_TRANSFER}/PmtTpInf", "payment_type", PAYMENT_TYPE),
        (f"{_TRANSFER}/IntrBkSttlmAmt", "amount", MONEY),
        (f"{_TRANSFER}/IntrBkSttlmDt", "settlement_date", DATE),
        (f"{_TRANSFER}/InstgAgt", "instructing_agent", AGENT),
        (f"{_TRANSFER}/InstdAgt", "instructed_agent", AGENT),
        (f"{_TRANSFER}/UltmtDbtr", "ultimate_debtor", AGENT),
        (f"{_TRANSFER}/Dbtr", "debtor", AGENT),
        (f"{_TRANSFER}/DbtrAcct", "debtor_account", ACCOUNT),
        (f"{_TRANSFER}/DbtrAgt", "debtor_agent", AGENT),
        (f"{_TRANSFER}/DbtrAgtAcct", "debtor_agent_account", ACCOUNT),
        (f"{_TRANSFER}/CdtrAgt", "creditor_agent", AGENT),
        (f"{_TRANSFER}/CdtrAgtAcct", "creditor_agent_account", ACCOUNT),
        (f"{_TRANSFER}/Cdtr", "creditor", AGENT),
        (f"{_TRANSFER}/CdtrAcct", "creditor_account", ACCOUNT),
        (f"{_TRANSFER}/UltmtCdtr", "ultimate_creditor", AGENT),
        (f"{_TRANSFER}/InstrForCdtrAgt", "instructions_for_creditor_agent", INSTRUCTION),
        (f"{_TRANSFER}/InstrForNxtAgt", "instructions_for_next_agent", INSTRUCTION),
        (f"{_TRANSFER}/Purp", "purpose", CODED),
        (f"{_TRANSFER}/RmtInf/Ustrd", "remittance", PERSONAL),
        (f"{_TRANSFER}/UndrlygCstmrCdtTrf", "covered_transfer", _COVERED),
    ),
    containers={"transactions": _TRANSFER},
)
"""The transfer as the content of its element."""

LAYOUT: Final[Layout] = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="FICdtTrf")
"""Where each field stands."""


def parse(document: etree._Element) -> InstitutionCreditTransfer:
    """The transfer in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> InstitutionCreditTransfer:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(transfer: InstitutionCreditTransfer) -> etree._Element:
    """The Document of a transfer; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(SHAPE.rows("", transfer))


def summary(transfer: InstitutionCreditTransfer) -> str:
    """The transfer in a line for people."""
    institutions = f"from {known_as(transfer.debtor)} to {known_as(transfer.creditor)}"
    local = None if transfer.payment_type is None else transfer.payment_type.local_instrument
    kind = "" if local is None else f" ({local.text})"
    return f"Institution transfer {transfer.message_id} of {transfer.amount} USD {institutions}{kind}"

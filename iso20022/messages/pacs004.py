"""The payment return, pacs.004.001.10: money that has settled goes back, all of it or a part. FedNow only."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from lxml import etree

from iso20022.amount import Amount
from iso20022.fields import FieldReader
from iso20022.identifiers import EndToEndId, InstructionId, MessageId, TransactionId, Uetr
from iso20022.layout import Layout
from iso20022.messages.actors import ACCOUNT, ACTOR, AGENT, Account, Actor, Agent, known_as
from iso20022.messages.original import (
    CHARGE,
    ORIGINAL_MESSAGE,
    ORIGINAL_TRANSACTION,
    REASON,
    Charge,
    OriginalMessage,
    OriginalTransaction,
    Reason,
    reasons_known_as,
)
from iso20022.messages.shape import DATE, MONEY, TEXT, TIME, Shape, layout_of, read_message

MESSAGE_TYPE: Final = "pacs.004.001.10"
"""The message identifier that this module reads and builds."""

_TRANSACTION: Final = "TxInf"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnChain:
    """Who pays back to whom: the debtor of the return was the original's creditor. Intermediaries are not in it."""

    ultimate_debtor: Actor | None = None
    debtor: Actor
    debtor_account: Account | None = None
    initiating_party: Actor | None = None
    debtor_agent: Agent | None = None
    debtor_agent_account: Account | None = None
    creditor_agent: Agent | None = None
    creditor_agent_account: Account | None = None
    creditor: Actor
    creditor_account: Account | None = None
    ultimate_creditor: Actor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReturn:
    """The return of one payment. Amounts are US dollars; ``settlement_date`` is the return's own.

    ``carries_all`` is False where the Document says more than this value holds: it is then what counts.
    """

    message_id: MessageId
    creation_time: datetime
    number_of_transactions: str = "1"
    total_returned_amount: Amount | None = None
    group_settlement_date: date | None = None
    settlement_method: str = "CLRG"
    clearing_system: str | None = "FDN"
    return_id: str | None = None
    original_message: OriginalMessage | None = None
    original_instruction_id: InstructionId | None = None
    original_end_to_end_id: EndToEndId | None = None
    original_transaction_id: TransactionId | None = None
    original_uetr: Uetr | None = None
    original_clearing_system_reference: str | None = None
    original_amount: Amount | None = None
    original_settlement_date: date | None = None
    amount: Amount
    settlement_date: date | None = None
    returned_instructed_amount: Amount | None = None
    compensation_amount: Amount | None = None
    charge_bearer: str | None = "SLEV"
    charges: tuple[Charge, ...] = ()
    clearing_system_reference: str | None = None
    instructing_agent: Agent | None = None
    instructed_agent: Agent | None = None
    return_chain: ReturnChain | None = None
    reasons: tuple[Reason, ...] = ()
    original_transaction: OriginalTransaction | None = None
    carries_all: bool = True


_RETURN_CHAIN: Final = Shape(
    ReturnChain,
    (
        ("UltmtDbtr", "ultimate_debtor", ACTOR),
        ("Dbtr", "debtor", ACTOR),
        ("DbtrAcct", "debtor_account", ACCOUNT),
        ("InitgPty", "initiating_party", ACTOR),
        ("DbtrAgt", "debtor_agent", AGENT),
        ("DbtrAgtAcct", "debtor_agent_account", ACCOUNT),
        ("CdtrAgt", "creditor_agent", AGENT),
        ("CdtrAgtAcct", "creditor_agent_account", ACCOUNT),
        ("Cdtr", "creditor", ACTOR),
        ("CdtrAcct", "creditor_account", ACCOUNT),
        ("UltmtCdtr", "ultimate_creditor", ACTOR),
    ),
)

SHAPE: Final = Shape(
    PaymentReturn,
    (
        ("GrpHdr/MsgId", "message_id", TEXT),
        ("GrpHdr/CreDtTm", "creation_time", TIME),
        ("GrpHdr/NbOfTxs", "number_of_transactions", TEXT),
        ("GrpHdr/TtlRtrdIntrBkSttlmAmt", "total_returned_amount", MONEY),
        ("GrpHdr/IntrBkSttlmDt", "group_settlement_date", DATE),
        ("GrpHdr/SttlmInf/SttlmMtd", "settlement_method", TEXT),
        ("GrpHdr/SttlmInf/ClrSys/Cd", "clearing_system", TEXT),
        (f"{_TRANSACTION}/RtrId", "return_id", TEXT),
        (f"{_TRANSACTION}/OrgnlGrpInf", "original_message", ORIGINAL_MESSAGE),
        (f"{_TRANSACTION}/OrgnlInstrId", "original_instruction_id", TEXT),
        (f"{_TRANSACTION}/OrgnlEndToEndId", "original_end_to_end_id", TEXT),
        (f"{_TRANSACTION}/OrgnlTxId", "original_transaction_id", TEXT),
        (f"{_TRANSACTION}/OrgnlUETR", "original_uetr", TEXT),
        (f"{_TRANSACTION}/OrgnlClrSysRef", "original_clearing_system_reference", TEXT),
        (f"{_TRANSACTION}/OrgnlIntrBkSttlmAmt", "original_amount", MONEY),
        (f"{_TRANSACTION}/OrgnlIntrBkSttlmDt", "original_settlement_date", DATE),
        (f"{_TRANSACTION}/RtrdIntrBkSttlmAmt", "amount", MONEY),
        (f"{_TRANSACTION}/IntrBkSttlmDt", "settlement_date", DATE),
        (f"{_TRANSACTION}/RtrdInstdAmt", "returned_instructed_amount", MONEY),
        (f"{_TRANSACTION}/CompstnAmt", "compensation_amount", MONEY),
        (f"{_TRANSACTION}/ChrgBr", "charge_bearer", TEXT),
        (f"{_TRANSACTION}/ChrgsInf", "charges", CHARGE),
        (f"{_TRANSACTION}/ClrSysRef", "clearing_system_reference", TEXT),
        (f"{_TRANSACTION}/InstgAgt", "instructing_agent", AGENT),
        (f"{_TRANSACTION}/InstdAgt", "instructed_agent", AGENT),
        (f"{_TRANSACTION}/RtrChain", "return_chain", _RETURN_CHAIN),
        (f"{_TRANSACTION}/RtrRsnInf", "reasons", REASON),
        (f"{_TRANSACTION}/OrgnlTxRef", "original_transaction", ORIGINAL_TRANSACTION),
    ),
    containers={"transactions": _TRANSACTION},
)
"""The return as the content of its element."""

LAYOUT: Final[Layout] = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="PmtRtr")
"""Where each field stands."""


def parse(document: etree._Element) -> PaymentReturn:
    """The return in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> PaymentReturn:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(payment_return: PaymentReturn) -> etree._Element:
    """The Document of a return; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(SHAPE.rows("", payment_return))


def summary(payment_return: PaymentReturn) -> str:
    """The return in a line for people, without personal data."""
    agents = f"from {known_as(payment_return.instructing_agent)} to {known_as(payment_return.instructed_agent)}"
    whole = payment_return.original_amount
    amount = f"{payment_return.amount} USD" + ("" if whole is None else f" of {whole} USD")
    original = payment_return.original_message
    name = "" if original is None else f" for {original.message_name} {original.message_id}"
    reasons = reasons_known_as(payment_return.reasons)
    return f"Return {payment_return.message_id} of {amount} {agents}{name}{reasons}"

"""Entries of an account, as camt.052 and camt.054 report them: what was booked, rejected, or merely passed by.

An entry is enough to find the payment that it is about, and to add up an account: amount, side, status, references,
institutions and times. Amounts are never negative; the side says where they stand.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from iso20022.amount import Amount
from iso20022.identifiers import EndToEndId, InstructionId, MessageId, TransactionId, Uetr
from iso20022.messages.actors import AGENT, Agent
from iso20022.messages.shape import BOOLEAN, DATE, DATE_OR_TIME, MONEY, TEXT, TIME, Leaf, Shape, enumerated


class CreditDebit(StrEnum):
    """The side of an account on which an amount stands, seen from its owner (``CdtDbtInd``)."""

    CRDT = "CRDT"
    """Money that came in."""
    DBIT = "DBIT"
    """Money that went out."""


class EntryStatus(StrEnum):
    """What became of an entry (``Ntry/Sts/Cd``): ISO's external codes, and RJCT, which FedNow's reports use."""

    BOOK = "BOOK"
    """Booked: the only one that moves a balance."""
    PDNG = "PDNG"
    """Pending: not booked yet."""
    INFO = "INFO"
    """For information: a message without value."""
    FUTR = "FUTR"
    """Booked on a future day."""
    RJCT = "RJCT"
    """Rejected: never booked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which page of several this is."""

    number: int
    is_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCode:
    """A code of the rail's own, and who issued it."""

    code: str
    issuer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionDomain:
    """ISO's code of a transaction: domain, family, and family within it."""

    code: str
    family: str
    sub_family: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionCode:
    """What kind of transaction; published FedNow samples have CRDT, DBIT, RJTS, RJTR, SENT and RCVD."""

    domain: TransactionDomain | None = None
    proprietary: IssuedCode | None = None

    @property
    def text(self) -> str:
        """The code as people know it; ``?`` where there is none."""
        if self.proprietary is not None:
            return self.proprietary.code
        return "?" if self.domain is None else self.domain.sub_family


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Every reference that the rail gives for the payment or message behind an entry."""

    message_id: MessageId | None = None
    account_servicer_reference: str | None = None
    instruction_id: InstructionId | None = None
    end_to_end_id: EndToEndId | None = None
    uetr: Uetr | None = None
    transaction_id: TransactionId | None = None
    clearing_system_reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedAgent:
    """An institution in a role of the rail's own: ``INGA``, ``INDA`` or ``RESP`` in published FedNow samples."""

    role: str
    agent: Agent


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedTime:
    """A day or a point in time (a ``datetime``) of the rail's own: ``SDTM`` or ``BPRD`` in published FedNow samples."""

    kind: str
    at: date


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryTransaction:
    """The payment or message behind an entry.

    ``additional_information`` holds the reason code of what was rejected (published FedNow samples).
    """

    references: References | None = None
    amount: Amount | None = None
    side: CreditDebit | None = None
    instructing_agent: Agent | None = None
    instructed_agent: Agent | None = None
    related_agents: tuple[RelatedAgent, ...] = ()
    local_instrument: str | None = None
    acceptance_time: datetime | None = None
    settlement_date: date | None = None
    related_times: tuple[RelatedTime, ...] = ()
    additional_information: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDetails:
    """What belongs together below an entry (``NtryDtls``)."""

    transactions: tuple[EntryTransaction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of an account. ``message_name`` is the type of the message that made it."""

    reference: str | None = None
    amount: Amount
    side: CreditDebit
    is_reversal: bool | None = None
    status: EntryStatus
    booked_at: date | None = None
    value_at: date | None = None
    account_servicer_reference: str | None = None
    transaction_code: TransactionCode
    message_name: str | None = None
    details: tuple[EntryDetails, ...] = ()

    @property
    def transactions(self) -> Iterator[EntryTransaction]:
        """All payments and messages behind the entry."""
        return (transaction for details in self.details for transaction in details.transactions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How many, and their sum. The rail may state one of the two alone."""

    count: int | None = None
    total: Amount | None = None


def own_code(code: str) -> TransactionCode:
    """The transaction code that is the rail's own."""
    return TransactionCode(proprietary=IssuedCode(code=code))


def booked(entries: Iterable[Entry], side: CreditDebit) -> Totals:
    """How many entries are booked on a side, and their sum; what is not booked moves nothing."""
    cents = [entry.amount.cents for entry in entries if entry.side is side and entry.status is EntryStatus.BOOK]
    return Totals(count=len(cents), total=Amount(sum(cents)))


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)


COUNT: Final = Leaf(
    _count, str, code="VALUE_COUNT", rule="A count is written in digits.", hint="Write, for example, 12."
)
"""A number of things."""

SUM: Final = Leaf(
    Amount.from_xml_decimal,
    lambda amount: amount.text,
    code="VALUE_AMOUNT",
    rule="A sum is a whole number of cents, and never negative.",
    hint="Write at most two decimals, for example 51.74.",
)
"""A sum without a currency of its own."""

SIDE: Final = enumerated(CreditDebit)
"""Credit or debit."""

PAGE: Final = Shape(Page, (("PgNb", "number", COUNT), ("LastPgInd", "is_last", BOOLEAN)))
"""A page of a message or a report."""

TOTALS: Final = Shape(Totals, (("NbOfNtries", "count", COUNT), ("Sum", "total", SUM)))
"""Number and sum of entries."""

TRANSACTION_CODE: Final = Shape(
    TransactionCode,
    (
        (
            "Domn",
            "domain",
            Shape(
                TransactionDomain,
                (("Cd", "code", TEXT), ("Fmly/Cd", "family", TEXT), ("Fmly/SubFmlyCd", "sub_family", TEXT)),
            ),
        ),
        ("Prtry", "proprietary", Shape(IssuedCode, (("Cd", "code", TEXT), ("Issr", "issuer", TEXT)))),
    ),
)
"""What kind of transaction (``BkTxCd``)."""

_REFERENCES: Final = Shape(
    References,
    (
        ("MsgId", "message_id", TEXT),
        ("AcctSvcrRef", "account_servicer_reference", TEXT),
        ("InstrId", "instruction_id", TEXT),
        ("EndToEndId", "end_to_end_id", TEXT),
        ("UETR", "uetr", TEXT),
        ("TxId", "transaction_id", TEXT),
        ("ClrSysRef", "clearing_system_reference", TEXT),
    ),
)
_RELATED_AGENT: Final = Shape(RelatedAgent, (("Tp", "role", TEXT), ("Agt", "agent", AGENT)))
_RELATED_TIME: Final = Shape(RelatedTime, (("Tp", "kind", TEXT), ("Dt", "at", DATE_OR_TIME)))
_TRANSACTION: Final = Shape(
    EntryTransaction,
    (
        ("Refs", "references", _REFERENCES),
        ("Amt", "amount", MONEY),
        ("CdtDbtInd", "side", SIDE),
        ("RltdAgts/InstgAgt", "instructing_agent", AGENT),
        ("RltdAgts/InstdAgt", "instructed_agent", AGENT),
        ("RltdAgts/Prtry", "related_agents", _RELATED_AGENT),
        ("LclInstrm/Prtry", "local_instrument", TEXT),
        ("RltdDts/AccptncDtTm", "acceptance_time", TIME),
        ("RltdDts/IntrBkSttlmDt", "settlement_date", DATE),
        ("RltdDts/Prtry", "related_times", _RELATED_TIME),
        ("AddtlTxInf", "additional_information", TEXT),
    ),
)
_DETAILS: Final = Shape(EntryDetails, (("TxDtls", "transactions", _TRANSACTION),))

ENTRY: Final = Shape(
    Entry,
    (
        ("NtryRef", "reference", TEXT),
        ("Amt", "amount", MONEY),
        ("CdtDbtInd", "side", SIDE),
        ("RvslInd", "is_reversal", BOOLEAN),
        ("Sts/Cd", "status", enumerated(EntryStatus)),
        ("BookgDt", "booked_at", DATE_OR_TIME),
        ("ValDt", "value_at", DATE_OR_TIME),
        ("AcctSvcrRef", "account_servicer_reference", TEXT),
        ("BkTxCd", "transaction_code", TRANSACTION_CODE),
        ("AddtlInfInd/MsgNmId", "message_name", TEXT),
        ("NtryDtls", "details", _DETAILS),
    ),
)
"""One entry (``Ntry``)."""

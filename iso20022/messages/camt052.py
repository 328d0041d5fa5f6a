"""The account report, camt.052.001.08: FedNow's answer to a camt.060, or a report that a participant subscribed to."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from lxml import etree

from iso20022.amount import Amount
from iso20022.fields import FieldReader
from iso20022.identifiers import MessageId, RoutingNumber
from iso20022.messages.camt060 import ReportKind
from iso20022.messages.entries import (
    COUNT,
    ENTRY,
    PAGE,
    SIDE,
    SUM,
    TOTALS,
    TRANSACTION_CODE,
    CreditDebit,
    Entry,
    Page,
    Totals,
    TransactionCode,
    booked,
)
from iso20022.messages.shape import (
    BOOLEAN,
    CODED,
    DATE_OR_TIME,
    MONEY,
    TEXT,
    TIME,
    Code,
    Proprietary,
    Shape,
    enumerated,
    layout_of,
    read_message,
)

MESSAGE_TYPE: Final = "camt.052.001.08"
"""The message identifier that this module reads and builds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalQuery:
    """The camt.060 that a report answers; a report by subscription has none."""

    message_id: MessageId
    message_name: str | None = None
    creation_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditLine:
    """A line of credit that a balance includes, or does not."""

    is_included: bool
    line_type: Code | Proprietary | None = None
    amount: Amount | None = None
    at: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """A balance of ISO's kinds (``OPBD`` opens, ``CLBD`` closes) or of FedNow's own.

    Published samples have ``OBFL``, ``DLOD``, ``ABAL`` and ``AVLD``. ``at`` is a day or a point in time (``datetime``).
    """

    balance_type: Code | Proprietary
    credit_lines: tuple[CreditLine, ...] = ()
    amount: Amount
    side: CreditDebit
    at: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Net:
    """Credits less debits, as an amount and the side on which it stands."""

    amount: Amount
    side: CreditDebit


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeTotals:
    """The activity of one kind: sent, received, rejected; or of one service, in a balance report."""

    count: int | None = None
    total: Amount | None = None
    net: Net | None = None
    credits: Totals | None = None
    debits: Totals | None = None
    code: TransactionCode
    at: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivitySummary:
    """What was booked, and how much of which kind passed by."""

    credits: Totals | None = None
    debits: Totals | None = None
    by_code: tuple[CodeTotals, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedAccount:
    """An institution's account, by its routing number; the type is ``M`` or ``S`` in balance reports."""

    id: RoutingNumber
    account_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReport:
    """The report on one account. ``report_id`` is ``EDAY``, ``IDAY`` or ``ABMS`` in published samples.

    ``creation_time`` is the beginning of the cycle day that is reported.
    """

    report_id: str
    page: Page | None = None
    creation_time: datetime | None = None
    account: ReportedAccount
    related_account: RoutingNumber | None = None
    balances: tuple[Balance, ...] = ()
    activity: ActivitySummary | None = None
    entries: tuple[Entry, ...] = ()

    def balance(self, code: str) -> Balance | None:
        """The first balance of a kind, None where the report has none."""
        return next((balance for balance in self.balances if balance.balance_type.text == code), None)

    def adds_up(self) -> bool:
        """Whether number and sum of the booked entries are the stated ones, on each side that is stated.

        Of use for a report with entries (AADR, CADR) that is on one page.
        """
        stated = self.activity or ActivitySummary()
        sides = ((stated.credits, CreditDebit.CRDT), (stated.debits, CreditDebit.DBIT))
        return all(totals is None or totals == booked(self.entries, side) for totals, side in sides)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReportMessage:
    """Reports of one kind, which stands where other messages have their id."""

    kind: ReportKind
    creation_time: datetime
    page: Page | None = None
    original_query: OriginalQuery | None = None
    reports: tuple[AccountReport, ...]
    carries_all: bool = True


_QUERY: Final = Shape(
    OriginalQuery,
    (
        ("MsgId", "message_id", TEXT),
        ("MsgNmId", "message_name", TEXT),
        ("CreDtTm", "creation_time", TIME),
    ),
)
_CREDIT_LINE: Final = Shape(
    CreditLine,
    (
        ("Incl", "is_included", BOOLEAN),
        ("Tp", "line_type", CODED),
        ("Amt", "amount", MONEY),
        ("Dt", "at", DATE_OR_TIME),
    ),
)
_BALANCE: Final = Shape(
    Balance,
    (
        ("Tp/CdOrPrtry", "balance_type", CODED),
        ("CdtLine", "credit_lines", _CREDIT_LINE),
        ("Amt", "amount", MONEY),
        ("CdtDbtInd", "side", SIDE),
        ("Dt", "at", DATE_OR_TIME),
    ),
)
_NET: Final = Shape(Net, (("Amt", "amount", SUM), ("CdtDbtInd", "side", SIDE)))
_BY_CODE: Final = Shape(
    CodeTotals,
    (
        ("NbOfNtries", "count", COUNT),
        ("Sum", "total", SUM),
        ("TtlNetNtry", "net", _NET),
        ("CdtNtries", "credits", TOTALS),
        ("DbtNtries", "debits", TOTALS),
        ("BkTxCd", "code", TRANSACTION_CODE),
        ("Dt", "at", DATE_OR_TIME),
    ),
)
_ACTIVITY: Final = Shape(
    ActivitySummary,
    (
        ("TtlCdtNtries", "credits", TOTALS),
        ("TtlDbtNtries", "debits", TOTALS),
        ("TtlNtriesPerBkTxCd", "by_code", _BY_CODE),
    ),
)
_ACCOUNT: Final = Shape(ReportedAccount, (("Id/Othr/Id", "id", TEXT), ("Tp/Prtry", "account_type", TEXT)))

REPORT: Final = Shape(
    AccountReport,
    (
        ("Id", "report_id", TEXT),
        ("RptPgntn", "page", PAGE),
        ("CreDtTm", "creation_time", TIME),
        ("Acct", "account", _ACCOUNT),
        ("RltdAcct/Id/Othr/Id", "related_account", TEXT),
        ("Bal", "balances", _BALANCE),
        ("TxsSummry", "activity", _ACTIVITY),
        ("Ntry", "entries", ENTRY),
    ),
)
"""One report."""

SHAPE: Final = Shape(
    AccountReportMessage,
    (
        ("GrpHdr/MsgId", "kind", enumerated(ReportKind)),
        ("GrpHdr/CreDtTm", "creation_time", TIME),
        ("GrpHdr/MsgPgntn", "page", PAGE),
        ("GrpHdr/OrgnlBizQry", "original_query", _QUERY),
        ("Rpt", "reports", REPORT),
    ),
)
"""What the value says, in the schema's order."""

LAYOUT: Final = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="BkToCstmrAcctRpt")
"""Where each field stands."""


def parse(document: etree._Element) -> AccountReportMessage:
    """The reports in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> AccountReportMessage:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(message: AccountReportMessage) -> etree._Element:
    """The Document of reports; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(SHAPE.rows("", message))


def summary(message: AccountReportMessage) -> str:
    """The message in a line for people: ``Report AADR for 990000013: 2 credits of 1000.59, 7 in detail``."""
    return f"Report {message.kind} for {'; '.join(map(_report_summary, message.reports))}"


def _report_summary(report: AccountReport) -> str:
    stated = report.activity or ActivitySummary()
    said = [
        f"{_counted(totals.count or 0, noun)} of {totals.total or Amount(0)}"
        for totals, noun in ((stated.credits, "credit"), (stated.debits, "debit"))
        if totals is not None
    ]
    said += [f"{balance.balance_type.text} {balance.side} {balance.amount}" for balance in report.balances]
    said += [f"{len(report.entries)} in detail"] if report.entries else []
    return f"{report.account.id}: {', '.join(said) or 'nothing'}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

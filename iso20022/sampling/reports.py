"""Samples of FedNow's account reports, notifications, and the request for a report."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from iso20022.amount import Amount
from iso20022.identifiers import RoutingNumber
from iso20022.messages.camt052 import (
    AccountReport,
    AccountReportMessage,
    ActivitySummary,
    Balance,
    CodeTotals,
    CreditLine,
    Net,
    OriginalQuery,
    ReportedAccount,
)
from iso20022.messages.camt054 import AccountNotification, DebitCreditNotification
from iso20022.messages.camt060 import AccountReportingRequest, ReportingPeriod, ReportingRequest, ReportKind
from iso20022.messages.entries import (
    CreditDebit,
    Entry,
    EntryDetails,
    EntryStatus,
    EntryTransaction,
    Page,
    References,
    RelatedAgent,
    RelatedTime,
    Totals,
    booked,
    own_code,
)
from iso20022.messages.shape import Proprietary
from iso20022.sampling.scene import OURS, THEIRS, Scene

_ONE_PAGE: Final = Page(number=1, is_last=True)
_DETAILS: Final = frozenset({ReportKind.AADR, ReportKind.CADR})
_TODAYS: Final = frozenset({ReportKind.ABAR, ReportKind.IATR, ReportKind.CITR})
_KINDS: Final = (
    ReportKind.AADR,
    ReportKind.AATR,
    ReportKind.ABAR,
    ReportKind.IATR,
    ReportKind.CATR,
    ReportKind.CADR,
    ReportKind.CITR,
)


def report_kind(scene: Scene) -> ReportKind:
    """Which report is asked for, or made."""
    return scene.vary.pick("kind", _KINDS)


def reporting_request(scene: Scene) -> AccountReportingRequest:
    """A request for a report: of the day before, or of the day that is under way."""
    kind, yesterday = report_kind(scene), scene.today - timedelta(days=1)
    period = None if kind in _TODAYS else ReportingPeriod(from_date=yesterday, to_date=yesterday)
    return AccountReportingRequest(
        message_id=scene.message_id(),
        creation_time=scene.at,
        requests=(
            ReportingRequest(
                kind=kind,
                account=scene.author,
                account_type=scene.vary.pick("account type", ("M", "S")) if kind is ReportKind.ABAR else None,
                account_owner=scene.author,
                period=period,
            ),
        ),
    )


def account_report(scene: Scene) -> AccountReportMessage:
    """A report of the chosen kind, whose totals are those of its entries."""
    kind = report_kind(scene)
    query = OriginalQuery(
        message_id=scene.message_id("query", by=OURS),
        message_name="camt.060.001.05",
        creation_time=scene.at - timedelta(seconds=20),
    )
    report = _balances(scene) if kind is ReportKind.ABAR else _activity(scene, kind)
    return AccountReportMessage(
        kind=kind,
        creation_time=scene.at,
        page=_ONE_PAGE,
        original_query=scene.vary.often("query", query),
        reports=(report,),
    )


def notification(scene: Scene) -> DebitCreditNotification:
    """One settled item of a respondent's."""
    side = scene.vary.pick("side", tuple(CreditDebit))
    return DebitCreditNotification(
        creation_time=scene.at,
        page=scene.vary.often("page", _ONE_PAGE),
        notifications=(
            AccountNotification(
                notification_id=f"SERVICE{scene.vary.reference('notification', 12)}",
                account=OURS,
                entries=(_notified(scene, side),),
            ),
        ),
    )


def _activity(scene: Scene, kind: ReportKind) -> AccountReport:
    start = scene.at.replace(hour=0, minute=0, second=0, microsecond=0)
    today = kind in _TODAYS
    entries = tuple(_entry(scene, number) for number in range(scene.vary.pick("entries", (3, 0, 1, 5))))
    correspondent = kind in {ReportKind.CATR, ReportKind.CADR, ReportKind.CITR}
    counts = ("RJTS", "RJTR", "SENT", "RCVD")
    return AccountReport(
        report_id="IDAY" if today else "EDAY",
        creation_time=start if today else start - timedelta(days=1),
        account=ReportedAccount(id=OURS),
        related_account=RoutingNumber("990000039") if correspondent else None,
        activity=ActivitySummary(
            credits=booked(entries, CreditDebit.CRDT),
            debits=booked(entries, CreditDebit.DBIT),
            by_code=() if correspondent else tuple(_counted(entries, code) for code in counts),
        ),
        entries=entries if kind in _DETAILS else (),
    )


def _counted(entries: Iterable[Entry], code: str) -> CodeTotals:
    return CodeTotals(count=sum(entry.transaction_code.text == code for entry in entries), code=own_code(code))


def _balances(scene: Scene) -> AccountReport:
    amounts = {code: scene.vary.amount(code, most_cents=10_000_000_00) for code in ("OBFL", "DLOD", "ABAL")}
    line = CreditLine(is_included=True, line_type=Proprietary("COLL"), amount=scene.vary.amount("line"), at=scene.at)
    return AccountReport(
        report_id="ABMS",
        creation_time=scene.at.replace(hour=0, minute=0, second=0, microsecond=0),
        account=ReportedAccount(id=OURS, account_type=scene.vary.pick("account type", ("M", "S"))),
        related_account=OURS,
        balances=tuple(
            Balance(
                balance_type=Proprietary(code),
                credit_lines=scene.vary.several("credit lines", (line,)) if code == "ABAL" else (),
                amount=amount,
                side=scene.vary.pick(f"side of {code}", tuple(CreditDebit)),
                at=scene.at,
            )
            for code, amount in amounts.items()
        ),
        activity=ActivitySummary(
            by_code=(
                CodeTotals(
                    net=Net(amount=scene.vary.amount("net"), side=CreditDebit.CRDT),
                    credits=Totals(count=3, total=scene.vary.amount("credits")),
                    debits=Totals(count=scene.vary.seldom("debits", 0), total=Amount(0)),
                    code=own_code("FDNF"),
                    at=scene.at,
                ),
            )
        ),
    )


def _entry(scene: Scene, number: int) -> Entry:
    """A payment that came in or went out, one that was rejected, or a message without value."""
    vary, name = scene.vary, f"entry {number}"
    status = vary.pick(f"status of {name}", (EntryStatus.BOOK, EntryStatus.RJCT, EntryStatus.INFO))
    side = CreditDebit.CRDT if status is EntryStatus.INFO else vary.pick(f"side of {name}", tuple(CreditDebit))
    codes = {EntryStatus.BOOK: side.value, EntryStatus.RJCT: "RJTS", EntryStatus.INFO: "SENT"}
    return Entry(
        amount=Amount(0) if status is EntryStatus.INFO else vary.amount(name),
        side=side,
        status=status,
        transaction_code=own_code(codes[status]),
        message_name="pain.013.001.07" if status is EntryStatus.INFO else "pacs.008.001.08",
        details=(EntryDetails(transactions=(_transaction(scene, name, side=side, status=status),)),),
    )


def _transaction(scene: Scene, name: str, *, side: CreditDebit, status: EntryStatus) -> EntryTransaction:
    sender, receiver = (THEIRS, OURS) if side is CreditDebit.CRDT else (OURS, THEIRS)
    moment = scene.at - timedelta(days=1)
    has_value = status is not EntryStatus.INFO
    role = "INDA" if side is CreditDebit.CRDT else "INGA"
    return EntryTransaction(
        references=References(
            message_id=scene.message_id(name, by=sender, on=moment.date()),
            instruction_id=scene.instruction_id(name) if has_value else None,
            end_to_end_id=scene.end_to_end_id(name) if has_value else None,
            uetr=scene.vary.often(f"UETR of {name}", scene.vary.uetr(name)) if has_value else None,
        ),
        instructing_agent=scene.agent(sender),
        instructed_agent=scene.agent(receiver),
        related_agents=(RelatedAgent(role=role, agent=replace(scene.agent(OURS), clearing_system=None)),),
        acceptance_time=moment if status is EntryStatus.BOOK else None,
        related_times=(_settled(moment), RelatedTime(kind="BPRD", at=moment)) if has_value else (_settled(moment),),
        additional_information="E997" if status is EntryStatus.RJCT else None,
    )


def _notified(scene: Scene, side: CreditDebit) -> Entry:
    sender, receiver = (THEIRS, OURS) if side is CreditDebit.CRDT else (OURS, THEIRS)
    transaction = EntryTransaction(
        references=References(
            message_id=scene.message_id("payment", by=sender),
            instruction_id=scene.instruction_id(),
            end_to_end_id=scene.end_to_end_id(),
            uetr=scene.vary.often("UETR", scene.vary.uetr("payment")),
        ),
        instructing_agent=scene.agent(sender),
        instructed_agent=scene.agent(receiver),
        related_agents=(RelatedAgent(role="RESP", agent=scene.agent(OURS)),),
        local_instrument="FDNA",
        acceptance_time=scene.earlier,
        settlement_date=scene.earlier.date(),
    )
    return Entry(
        amount=scene.vary.amount("payment"),
        side=side,
        status=EntryStatus.BOOK,
        transaction_code=own_code(side.value),
        message_name="pacs.008.001.08",
        details=(EntryDetails(transactions=(transaction,)),),
    )


def _settled(moment: datetime) -> RelatedTime:
    return RelatedTime(kind="SDTM", at=moment)

"""Account reports, made from what the rail has booked: totals of the day under way, and each booked payment of a day.

And a notification (camt.054) of what a test says has settled: to correspondents the real rail sends them unasked.

FedNow Operating Procedures v2.1: a camt.060 is answered by a camt.052, all zeros where nothing was booked; details of
more than 15,000 messages are refused (E301), and so are a correspondent's (CADR), that this may be seen. Whether the
real rail gives details of the day that is under way is not public: this one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final

from iso20022 import Amount, BusinessHeader, BusinessMessageId, ConnectionPartyId, EnvelopeKind, header, wrap
from iso20022.messages import camt052, pacs008
from iso20022.messages.camt052 import (
    AccountReport,
    AccountReportMessage,
    ActivitySummary,
    OriginalQuery,
    ReportedAccount,
)
from iso20022.messages.camt054 import AccountNotification, DebitCreditNotification
from iso20022.messages.camt060 import AccountReportingRequest, ReportingRequest, ReportKind
from iso20022.messages.entries import (
    CreditDebit,
    Entry,
    EntryDetails,
    EntryStatus,
    EntryTransaction,
    Page,
    References,
    booked,
    own_code,
)
from simulators.book import Book
from simulators.conversations import Asking
from simulators.fednow.answers import eastern
from simulators.fednow.decide import EASTERN, cycle_day
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.ledger import Settlement
from simulators.message_ids import MessageIds
from simulators.refusals import TechnicalFault

_INTRADAY: Final = frozenset({ReportKind.IATR, ReportKind.CITR})
_TODAY: Final = "IDAY"
_PAST: Final = "EDAY"
_ONE_PAGE: Final = Page(number=1, is_last=True)


class ReportWriter:
    """Writes account reports. Nothing is remembered: each is made anew from the ledger."""

    def __init__(self, settings: FedNowSimulatorSettings, ids: MessageIds) -> None:
        self._settings = settings
        self._ids = ids

    def report(
        self, asked: AccountReportingRequest, *, party: ConnectionPartyId, book: Book, now: datetime
    ) -> bytes | TechnicalFault:
        """The camt.052 that answers, or why none does."""
        codes, (request, *_) = self._settings.codes, asked.requests
        accounts = {each.routing_number for each in self._settings.participants if each.connection_party == party}
        if request.account not in accounts:
            return TechnicalFault(codes.sender, f"{party} does not speak for {request.account}")
        if request.kind is ReportKind.CADR:
            return TechnicalFault(codes.too_many_details, "as ordered")
        day = cycle_day(now) if request.period is None else request.period.from_date
        entries = [
            _entry(settlement, request.account)
            for settlement in book.ledger.settlements
            if request.account in {settlement.debtor_agent, settlement.creditor_agent}
            and cycle_day(settlement.at) == day
        ]
        if request.kind is ReportKind.AADR and len(entries) > self._settings.details_max:
            return TechnicalFault(codes.too_many_details, f"more than {self._settings.details_max} messages")
        return self._written(asked, request, entries, day=day, party=party, now=now)

    def _written(
        self,
        asked: AccountReportingRequest,
        request: ReportingRequest,
        entries: Sequence[Entry],
        *,
        day: date,
        party: ConnectionPartyId,
        now: datetime,
    ) -> bytes:
        begins = datetime.combine(day - timedelta(days=1), datetime.min.time(), tzinfo=EASTERN).replace(hour=19)
        document = camt052.build(
            AccountReportMessage(
                kind=request.kind,
                creation_time=eastern(now),
                page=_ONE_PAGE,
                original_query=OriginalQuery(message_id=asked.message_id, message_name="camt.060.001.05"),
                reports=(
                    AccountReport(
                        report_id=_TODAY if request.kind in _INTRADAY else _PAST,
                        creation_time=begins,
                        account=ReportedAccount(id=request.account),
                        activity=ActivitySummary(
                            credits=booked(entries, CreditDebit.CRDT), debits=booked(entries, CreditDebit.DBIT)
                        ),
                        entries=tuple(entries) if request.kind is ReportKind.AADR else (),
                    ),
                ),
            )
        )
        common = self._settings.profile.market_practice
        (practice,) = [name for name, kinds in self._settings.profile.report_kinds.items() if request.kind in kinds]
        outgoing = BusinessHeader(
            sender=self._settings.profile.fednow_id,
            receiver=party,
            business_message_id=BusinessMessageId(f"REPORT{self._ids.next_reference()}"),
            message_type=camt052.MESSAGE_TYPE,
            market_practice=replace(common, id=practice),
            creation_time=eastern(now),
            business_processing_date=eastern(now),
        )
        return wrap(EnvelopeKind.FEDNOW_OUTGOING, header.build(outgoing), document)


def notification_of(asking: Asking, *, now: datetime) -> DebitCreditNotification:
    """What is told unasked, about the account of who is asked: that so much was credited, under the named message."""
    transaction = EntryTransaction(
        references=References(message_id=asking.named, end_to_end_id=asking.end_to_end_id), acceptance_time=eastern(now)
    )
    entry = Entry(
        amount=asking.amount,
        side=CreditDebit.CRDT,
        status=EntryStatus.BOOK,
        transaction_code=own_code(CreditDebit.CRDT.value),
        message_name=pacs008.MESSAGE_TYPE,
        details=(EntryDetails(transactions=(transaction,)),),
    )
    notified = AccountNotification(
        notification_id=f"NOTE{asking.named[-18:]}", account=asking.debtor_agent, entries=(entry,)
    )
    return DebitCreditNotification(creation_time=eastern(now), page=_ONE_PAGE, notifications=(notified,))


def _entry(settlement: Settlement, account: str) -> Entry:
    side = CreditDebit.CRDT if settlement.creditor_agent == account else CreditDebit.DBIT
    transaction = EntryTransaction(
        references=References(message_id=settlement.message_id), acceptance_time=eastern(settlement.at)
    )
    return Entry(
        amount=Amount(settlement.amount.cents),
        side=side,
        status=EntryStatus.BOOK,
        transaction_code=own_code(side.value),
        message_name="pacs.008.001.08",
        details=(EntryDetails(transactions=(transaction,)),),
    )

"""How FedNow is asked about ourselves: admi.004 (FedNow Operating Procedures v2.1, October 2024, section 15)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from gateway.domain.identity import rail_operation_reference_of
from gateway.domain.payment import Rail
from gateway.domain.rail_operations import Codes, RailAction
from gateway.domain.reconciliation import Arrivals, Details, Totals
from gateway.service.dialect import rail_time
from gateway.service.fednow import FedNowDialect
from gateway.service.ports import MessageClass
from gateway.service.rail_protocol import EchoAsked, OutboundMessage
from iso20022 import RAIL_LIMITS, RoutingNumber, is_routing_number, read, unwrap
from iso20022.messages import admi004, camt052, camt060
from iso20022.messages.admi004 import PING, SystemEventNotification
from iso20022.messages.camt052 import AccountReport
from iso20022.messages.camt060 import AccountReportingRequest, ReportingPeriod, ReportingRequest, ReportKind
from iso20022.messages.entries import CreditDebit, EntryStatus

_CONNECT: Final = "FPCR"
_DISCONNECT: Final = "FPCD"
CODES: Final = Codes(sign_on="FPON", sign_off="FPOF", connect=_CONNECT, disconnect=_DISCONNECT)

_CODE_OF: Final = {
    RailAction.PING: PING,
    RailAction.SIGN_ON: CODES.sign_on,
    RailAction.SIGN_OFF: CODES.sign_off,
    RailAction.CONNECT: _CONNECT,
    RailAction.DISCONNECT: _DISCONNECT,
}

_POINT: Final = re.compile(r"[0-9A-Za-z]{1,35}")
"""A connection point's id; its real form is not public, `EvtParam` takes 35 characters."""


class FedNowOperations:
    """Implements `gateway.service.rail_operations.OperationsDialect` for FedNow."""

    rail: Final = Rail.FEDNOW
    codes: Final = CODES
    counts_downtime: Final = True
    signs_off_institutions: Final = True

    def __init__(self, dialect: FedNowDialect, *, party: str, institutions: frozenset[str]) -> None:
        self._dialect = dialect
        self._zone = ZoneInfo(dialect.profile.time_zone)
        self.party: Final = party
        self.institutions: Final = institutions

    def code_of(self, action: RailAction) -> str:
        """Return the event code."""
        return _CODE_OF[action]

    def check(self, action: RailAction, subject: str | None) -> str | None:
        """Return what is wrong with a subject; None where nothing is."""
        match action:
            case RailAction.PING:
                return None if subject is None else "a ping is about nobody: leave the subject out"
            case RailAction.SIGN_ON | RailAction.SIGN_OFF:
                if subject is None or is_routing_number(subject):
                    return None
                return "name an institution by its nine digits, or nobody for the whole connection party"
            case RailAction.CONNECT | RailAction.DISCONNECT:
                if subject is not None and _POINT.fullmatch(subject):
                    return None
                return "name one connection point: up to 35 letters and digits"

    def echo_answer(self, asked: EchoAsked, *, event_id: UUID, at: datetime) -> OutboundMessage:  # noqa: ARG002
        """Raise: the service asks for no echo."""
        raise AssertionError("FedNow asks for no echo")

    def message(self, action: RailAction, subject: str | None, *, event_id: UUID, at: datetime) -> OutboundMessage:
        """Return the admi.004."""
        message_id = self._dialect.message_id(at.astimezone(self._zone).date(), rail_operation_reference_of(event_id))
        event = SystemEventNotification(
            event_code=_CODE_OF[action],
            parameters=() if subject is None else (subject,),
            event_time=rail_time(at, self._zone),
        )
        return self._dialect.message(message_id, admi004.MESSAGE_TYPE, admi004.build(event), MessageClass.SYSTEM, at)

    # --- reports ---

    def totals_request(self, institution: str, *, event_id: UUID, at: datetime) -> OutboundMessage:
        """Return the camt.060 for the totals of the cycle day under way (IATR)."""
        return self._report_request(ReportKind.IATR, institution, None, event_id=event_id, at=at)

    def details_request(self, institution: str, day: date, *, event_id: UUID, at: datetime) -> OutboundMessage:
        """Return the camt.060 for each message of a cycle day (AADR)."""
        period = ReportingPeriod(from_date=day, to_date=day)
        return self._report_request(ReportKind.AADR, institution, period, event_id=event_id, at=at)

    def read_report(self, body: bytes) -> Sequence[Totals | Details]:
        """Return what a camt.052 says of what came in: its totals, or each message."""
        document = unwrap(read(body, RAIL_LIMITS)).document
        assert document is not None, "what was heard had a Document"
        message = camt052.parse(document)
        match message.kind:
            case ReportKind.IATR:
                return [_totals(report, message.creation_time) for report in message.reports]
            case ReportKind.AADR:
                is_last = message.page is None or message.page.is_last
                return [_details(report, is_last=is_last) for report in message.reports]
            case _:
                return ()

    def _report_request(
        self, kind: ReportKind, institution: str, period: ReportingPeriod | None, *, event_id: UUID, at: datetime
    ) -> OutboundMessage:
        message_id = self._dialect.message_id(at.astimezone(self._zone).date(), rail_operation_reference_of(event_id))
        account = RoutingNumber(institution)
        request = AccountReportingRequest(
            message_id=message_id,
            creation_time=rail_time(at, self._zone),
            requests=(ReportingRequest(kind=kind, account=account, account_owner=account, period=period),),
        )
        return self._dialect.message(message_id, camt060.MESSAGE_TYPE, camt060.build(request), MessageClass.INQUIRY, at)


def _totals(report: AccountReport, at: datetime) -> Totals:
    stated = report.activity.credits if report.activity is not None else None
    if stated is None or stated.count is None or stated.total is None:
        raise ValueError("a report of totals states neither number nor sum of what came in")
    return Totals(str(report.account.id), Arrivals(stated.count, stated.total.cents), at.astimezone(UTC))


def _details(report: AccountReport, *, is_last: bool) -> Details:
    credited = tuple(
        (str(transaction.references.message_id), entry.amount.cents)
        for entry in report.entries
        if entry.side is CreditDebit.CRDT and entry.status is EntryStatus.BOOK
        for transaction in entry.transactions
        if transaction.references is not None and transaction.references.message_id is not None
    )
    return Details(str(report.account.id), credited, is_last)

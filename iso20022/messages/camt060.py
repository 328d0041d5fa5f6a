"""The account reporting request, camt.060.001.05: a participant asks FedNow for a report (camt.052)."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from lxml import etree

from iso20022.fields import FieldReader
from iso20022.identifiers import MessageId, RoutingNumber
from iso20022.messages.agents import MEMBER_PATH
from iso20022.messages.shape import DATE, TEXT, TIME, Shape, enumerated, layout_of, read_message

MESSAGE_TYPE: Final = "camt.060.001.05"
"""The message identifier that this module reads and builds."""


class ReportKind(StrEnum):
    """The reports that FedNow makes (Operating Procedures, October 2024); a correspondent's cover its respondents."""

    ABAR = "ABAR"
    """Balance of a master account."""
    AATR = "AATR"
    """Totals of a cycle day's activity."""
    AADR = "AADR"
    """Every message of a cycle day."""
    IATR = "IATR"
    """Totals of the cycle day that is under way."""
    CATR = "CATR"
    """As AATR, for a correspondent."""
    CADR = "CADR"
    """As AADR, for a correspondent."""
    CITR = "CITR"
    """As IATR, for a correspondent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportingPeriod:
    """Cycle days, the last one included; ``ALLL`` asks for all of their activity."""

    from_date: date
    to_date: date | None = None
    scope: str = "ALLL"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportingRequest:
    """A request for one report. The account is an institution's, by its routing number.

    ``account_type`` is ``M`` or ``S`` in published samples of balance requests. Reports of the day that is under way
    have no period.
    """

    kind: ReportKind
    requested_message_name: str = "camt.052.001.08"
    account: RoutingNumber
    account_type: str | None = None
    account_owner: RoutingNumber
    period: ReportingPeriod | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReportingRequest:
    """What is asked for; FedNow takes one request in a message."""

    message_id: MessageId
    creation_time: datetime
    requests: tuple[ReportingRequest, ...]
    carries_all: bool = True


PERIOD: Final = Shape(
    ReportingPeriod,
    (
        ("FrToDt/FrDt", "from_date", DATE),
        ("FrToDt/ToDt", "to_date", DATE),
        ("Tp", "scope", TEXT),
    ),
)
"""A period."""

REQUEST: Final = Shape(
    ReportingRequest,
    (
        ("Id", "kind", enumerated(ReportKind)),
        ("ReqdMsgNmId", "requested_message_name", TEXT),
        ("Acct/Id/Othr/Id", "account", TEXT),
        ("Acct/Tp/Prtry", "account_type", TEXT),
        (f"AcctOwnr/Agt/{MEMBER_PATH}", "account_owner", TEXT),
        ("RptgPrd", "period", PERIOD),
    ),
)
"""One request."""

SHAPE: Final = Shape(
    AccountReportingRequest,
    (
        ("GrpHdr/MsgId", "message_id", TEXT),
        ("GrpHdr/CreDtTm", "creation_time", TIME),
        ("RptgReq", "requests", REQUEST),
    ),
)
"""What the value says, in the schema's order."""

LAYOUT: Final = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="AcctRptgReq")
"""Where each field stands."""


def parse(document: etree._Element) -> AccountReportingRequest:
    """The request in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> AccountReportingRequest:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(request: AccountReportingRequest) -> etree._Element:
    """The Document of a request; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(SHAPE.rows("", request))


def summary(message: AccountReportingRequest) -> str:
    """The message in a line for people: ``Report request 2026…: AADR of 990000013, 2026-01-30 to 2026-01-30``."""
    return f"Report request {message.message_id}: {'; '.join(map(_request_summary, message.requests))}"


def _request_summary(request: ReportingRequest) -> str:
    period = request.period
    days = "" if period is None else f", {period.from_date} to {period.to_date or 'now'}"
    return f"{request.kind} of {request.account}{days}"

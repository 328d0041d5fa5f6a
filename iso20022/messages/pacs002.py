"""The payment status report, pacs.002.001.10, about one payment."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from lxml import etree

from iso20022.codes import TransactionStatus
from iso20022.fields import FieldReader
from iso20022.identifiers import MessageId
from iso20022.layout import Layout, Row, instant_text
from iso20022.messages.status import (
    OriginalReferences,
    agent_paths,
    closing_rows,
    group_rows,
    original_paths,
    original_rows,
    read_original,
)
from iso20022.paths import children_named

MESSAGE_TYPE: Final = "pacs.002.001.10"
"""The message identifier that this module reads and builds."""

_GROUP: Final = "OrgnlGrpInfAndSts"
_TRANSACTION: Final = "TxInfAndSts"

LAYOUT: Final = Layout(
    namespace=f"urn:iso:std:iso:20022:tech:xsd:{MESSAGE_TYPE}",
    root="Document",
    base="FIToFIPmtStsRpt",
    paths={
        "message_id": "GrpHdr/MsgId",
        "creation_time": "GrpHdr/CreDtTm",
        **original_paths(group=_GROUP, transaction=_TRANSACTION),
        "status": f"{_TRANSACTION}/TxSts",
        "reasons": f"{_TRANSACTION}/StsRsnInf",
        "reason_code": f"{_TRANSACTION}/StsRsnInf/Rsn/Cd",
        "reason_proprietary": f"{_TRANSACTION}/StsRsnInf/Rsn/Prtry",
        "acceptance_time": f"{_TRANSACTION}/AccptncDtTm",
        "settlement_date": f"{_TRANSACTION}/FctvIntrBkSttlmDt/Dt",
        "clearing_system_reference": f"{_TRANSACTION}/ClrSysRef",
        **agent_paths(_TRANSACTION),
        "transactions": _TRANSACTION,
    },
    groups=frozenset({"transactions", "reasons"}),
)
"""Where each field stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReason:
    """Why a payment has its status: an ISO code or one of the rail's own, and words that may quote the customer."""

    code: str | None = None
    proprietary: str | None = None
    additional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentStatusReport(OriginalReferences):
    """What an institution or the rail says about one payment.

    On FedNow ``acceptance_time`` and ``settlement_date``, the cycle day, which need not be the calendar day, are the
    service's to state; on RTP every report states ``acceptance_time``.
    """

    message_id: MessageId
    creation_time: datetime
    status: TransactionStatus
    reasons: tuple[StatusReason, ...] = ()
    acceptance_time: datetime | None = None
    settlement_date: date | None = None
    clearing_system_reference: str | None = None


def parse(document: etree._Element) -> PaymentStatusReport:
    """The report in the Document. Raises RemoteProtocolError naming the first element that is missing or unreadable.

    A status outside :class:`TransactionStatus` is unreadable, never read as another.
    """
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> PaymentStatusReport:
    """As :func:`parse`, from fields that were read before."""
    return PaymentStatusReport(
        message_id=MessageId(reader.text("message_id")),
        creation_time=reader.required_time("creation_time"),
        status=_status(reader),
        reasons=tuple(_reason(element) for element in reader.fields.groups.get("reasons", ())),
        acceptance_time=reader.optional_time("acceptance_time"),
        settlement_date=reader.optional_date("settlement_date"),
        clearing_system_reference=reader.optional(str, "clearing_system_reference"),
        **read_original(reader),
    )


def build(report: PaymentStatusReport) -> etree._Element:
    """The Document of a report; the same value always gives the same bytes. Raises LocalProtocolError."""
    accepted, settled = report.acceptance_time, report.settlement_date
    rows: list[Row] = [
        ("GrpHdr/MsgId", report.message_id),
        ("GrpHdr/CreDtTm", instant_text(report.creation_time)),
        *group_rows(_GROUP, report),
        *original_rows(_TRANSACTION, report),
        (f"{_TRANSACTION}/TxSts", report.status.value),
        *(row for number, reason in enumerate(report.reasons, start=1) for row in _reason_rows(number, reason)),
        (f"{_TRANSACTION}/AccptncDtTm", None if accepted is None else instant_text(accepted)),
        (f"{_TRANSACTION}/FctvIntrBkSttlmDt/Dt", None if settled is None else settled.isoformat()),
        (f"{_TRANSACTION}/ClrSysRef", report.clearing_system_reference),
        *closing_rows(_TRANSACTION, report),
    ]
    return LAYOUT.build(rows)


def summary(report: PaymentStatusReport) -> str:
    """One line about the report for people."""
    reasons = " ".join(reason.code or reason.proprietary or "" for reason in report.reasons).strip()
    return f"{report.status}{f' ({reasons})' if reasons else ''} of {report.original_message_id}"


def _status(reader: FieldReader) -> TransactionStatus:
    text = reader.text("status")
    try:
        return TransactionStatus(text)
    except ValueError as error:
        raise reader.refuse(
            "status",
            code="VALUE_STATUS",
            rule=f"A transaction status is one of {', '.join(TransactionStatus)}.",
            hint="Use one of these; nothing is read into an unknown status.",
        ) from error


def _reason(element: etree._Element) -> StatusReason:
    words = {"Cd": "", "Prtry": ""}
    for choice in children_named(element, "Rsn"):
        for name in words:
            words[name] = next((found.text or "" for found in children_named(choice, name)), "")
    return StatusReason(
        code=words["Cd"] or None,
        proprietary=words["Prtry"] or None,
        additional=tuple(line.text or "" for line in children_named(element, "AddtlInf")),
    )


def _reason_rows(number: int, reason: StatusReason) -> list[Row]:
    path = f"{_TRANSACTION}/StsRsnInf[{number}]"
    return [
        (f"{path}/Rsn/Cd", reason.code),
        (f"{path}/Rsn/Prtry", reason.proprietary),
        *((f"{path}/AddtlInf[{line}]", text) for line, text in enumerate(reason.additional, start=1)),
    ]

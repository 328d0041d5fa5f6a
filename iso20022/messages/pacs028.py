"""The payment status request, pacs.028.001.03, about one payment."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from iso20022.fields import FieldReader
from iso20022.identifiers import MessageId
from iso20022.layout import Layout, instant_text
from iso20022.messages.status import (
    OriginalReferences,
    agent_paths,
    closing_rows,
    group_rows,
    original_paths,
    original_rows,
    read_original,
)

MESSAGE_TYPE: Final = "pacs.028.001.03"
"""The message identifier that this module reads and builds."""

_GROUP: Final = "OrgnlGrpInf"
_TRANSACTION: Final = "TxInf"

LAYOUT: Final = Layout(
    namespace=f"urn:iso:std:iso:20022:tech:xsd:{MESSAGE_TYPE}",
    root="Document",
    base="FIToFIPmtStsReq",
    paths={
        "message_id": "GrpHdr/MsgId",
        "creation_time": "GrpHdr/CreDtTm",
        **original_paths(group=_GROUP, transaction=_TRANSACTION),
        "acceptance_time": f"{_TRANSACTION}/AccptncDtTm",
        **agent_paths(_TRANSACTION),
        "transactions": _TRANSACTION,
    },
    groups=frozenset({"transactions"}),
)
"""Where each field stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentStatusRequest(OriginalReferences):
    """The question what became of a payment; the instructed agent is who is asked, the service or an institution.

    On RTP the request repeats when the original was accepted (``acceptance_time``).
    """

    message_id: MessageId
    creation_time: datetime
    acceptance_time: datetime | None = None


def parse(document: etree._Element) -> PaymentStatusRequest:
    """The request in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> PaymentStatusRequest:
    """As :func:`parse`, from fields that were read before."""
    return PaymentStatusRequest(
        message_id=MessageId(reader.text("message_id")),
        creation_time=reader.required_time("creation_time"),
        acceptance_time=reader.optional_time("acceptance_time"),
        **read_original(reader),
    )


def build(request: PaymentStatusRequest) -> etree._Element:
    """The Document of a request; the same value always gives the same bytes. Raises LocalProtocolError."""
    accepted = request.acceptance_time
    return LAYOUT.build(
        [
            ("GrpHdr/MsgId", request.message_id),
            ("GrpHdr/CreDtTm", instant_text(request.creation_time)),
            *group_rows(_GROUP, request),
            *original_rows(_TRANSACTION, request),
            (f"{_TRANSACTION}/AccptncDtTm", None if accepted is None else instant_text(accepted)),
            *closing_rows(_TRANSACTION, request),
        ]
    )


def summary(request: PaymentStatusRequest) -> str:
    """One line about the request for people."""
    return f"status of {request.original_message_id}? asked by {request.instructing_agent}"

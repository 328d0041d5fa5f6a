"""The receipt acknowledgement, admi.007.001.01: a message has arrived, which says nothing of what comes of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from iso20022.fields import FieldReader
from iso20022.identifiers import MessageId
from iso20022.messages.shape import TEXT, TIME, Shape, layout_of, read_message

MESSAGE_TYPE: Final = "admi.007.001.01"
"""The message identifier that this module reads and builds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One message that has arrived: its id and type, and how it was handled (``TS01``: transmitted)."""

    related_reference: MessageId
    related_message_name: str | None = None
    status_code: str
    status_time: datetime | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptAcknowledgement:
    """What has arrived, at FedNow or at the institution that it was for."""

    message_id: MessageId
    creation_time: datetime | None = None
    receipts: tuple[Receipt, ...]
    carries_all: bool = True


RECEIPT: Final = Shape(
    Receipt,
    (
        ("RltdRef/Ref", "related_reference", TEXT),
        ("RltdRef/MsgNm", "related_message_name", TEXT),
        ("ReqHdlg/StsCd", "status_code", TEXT),
        ("ReqHdlg/StsDtTm", "status_time", TIME),
        ("ReqHdlg/Desc", "description", TEXT),
    ),
)
"""One receipt."""

SHAPE: Final = Shape(
    ReceiptAcknowledgement,
    (
        ("MsgId/MsgId", "message_id", TEXT),
        ("MsgId/CreDtTm", "creation_time", TIME),
        ("Rpt", "receipts", RECEIPT),
    ),
)
"""What the value says, in the schema's order."""

LAYOUT: Final = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="RctAck")
"""Where each field stands."""


def parse(document: etree._Element) -> ReceiptAcknowledgement:
    """The acknowledgement in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> ReceiptAcknowledgement:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(acknowledgement: ReceiptAcknowledgement) -> etree._Element:
    """The Document of an acknowledgement; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(SHAPE.rows("", acknowledgement))


def summary(acknowledgement: ReceiptAcknowledgement) -> str:
    """The message in a line for people: ``Receipt acknowledgement 2026…: pain.013.001.07 2026… TS01``."""
    received = "; ".join(
        " ".join(filter(None, (receipt.related_message_name, receipt.related_reference, receipt.status_code)))
        for receipt in acknowledgement.receipts
    )
    return f"Receipt acknowledgement {acknowledgement.message_id}: {received}"

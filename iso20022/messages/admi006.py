"""The resend request, admi.006.001.01: FedNow's retrieval request for copies of messages."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from lxml import etree

from iso20022.fields import FieldReader
from iso20022.identifiers import ConnectionPartyId, MessageId
from iso20022.messages.shape import DATE, TEXT, TIME, Shape, layout_of, read_message

MESSAGE_TYPE: Final = "admi.006.001.01"
"""The message identifier that this module reads and builds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResendCriterion:
    """One message that is asked for: its type, its id, and the business day on which it was sent or received.

    The schema lets each of them be absent; what does not name a message retrieves none, and is not read. ``recipient``
    is the connection party that gets the copy. ``recipient_issuer`` is mandatory in the schema and says nothing;
    published samples have ``NA``.
    """

    business_date: date
    original_message_name: str
    original_message_id: MessageId
    recipient: ConnectionPartyId
    recipient_issuer: str = "NA"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResendRequest:
    """A request for copies of messages; they come with CpyDplct DUPL in the header."""

    message_id: MessageId
    creation_time: datetime | None = None
    criteria: tuple[ResendCriterion, ...]
    carries_all: bool = True


CRITERION: Final = Shape(
    ResendCriterion,
    (
        ("BizDt", "business_date", DATE),
        ("OrgnlMsgNmId", "original_message_name", TEXT),
        ("FileRef", "original_message_id", TEXT),
        ("Rcpt/Id/PrtryId/Id", "recipient", TEXT),
        ("Rcpt/Id/PrtryId/Issr", "recipient_issuer", TEXT),
    ),
)
"""One criterion."""

SHAPE: Final = Shape(
    ResendRequest,
    (
        ("MsgHdr/MsgId", "message_id", TEXT),
        ("MsgHdr/CreDtTm", "creation_time", TIME),
        ("RsndSchCrit", "criteria", CRITERION),
    ),
)
"""What the value says, in the schema's order."""

LAYOUT: Final = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="RsndReq")
"""Where each field stands."""


def parse(document: etree._Element) -> ResendRequest:
    """The request in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> ResendRequest:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(request: ResendRequest) -> etree._Element:
    """The Document of a request; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(SHAPE.rows("", request))


def summary(request: ResendRequest) -> str:
    """The message in a line for people: ``Resend request 2026…: pacs.008.001.08 2026…``."""
    wanted = "; ".join(
        f"{criterion.original_message_name} {criterion.original_message_id}" for criterion in request.criteria
    )
    return f"Resend request {request.message_id}: {wanted}"

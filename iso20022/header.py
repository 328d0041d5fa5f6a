"""The business application header, head.001.001.02."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from iso20022.codes import CopyDuplicate
from iso20022.fields import FieldReader
from iso20022.identifiers import BusinessMessageId, ConnectionPartyId
from iso20022.layout import Layout, instant_text

HEADER_TYPE: Final = "head.001.001.02"
"""The header's own message identifier."""

_PARTY: Final = "FIId/FinInstnId/ClrSysMmbId/MmbId"

LAYOUT: Final = Layout(
    namespace=f"urn:iso:std:iso:20022:tech:xsd:{HEADER_TYPE}",
    root="AppHdr",
    base="",
    paths={
        "sender": f"Fr/{_PARTY}",
        "receiver": f"To/{_PARTY}",
        "business_message_id": "BizMsgIdr",
        "message_type": "MsgDefIdr",
        "registry": "MktPrctc/Regy",
        "practice": "MktPrctc/Id",
        "creation_time": "CreDt",
        "business_processing_date": "BizPrcgDt",
        "copy_duplicate": "CpyDplct",
    },
)
"""Where each field stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketPractice:
    """The rule book that a message follows (``MktPrctc``)."""

    registry: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessHeader:
    """Who sends which message to whom, and when. All times state their offset.

    ``business_processing_date`` and ``copy_duplicate`` are the service's to set.
    """

    sender: ConnectionPartyId
    receiver: ConnectionPartyId
    business_message_id: BusinessMessageId
    message_type: str
    market_practice: MarketPractice | None = None
    creation_time: datetime
    business_processing_date: datetime | None = None
    copy_duplicate: CopyDuplicate | None = None


def parse(element: etree._Element) -> BusinessHeader:
    """The header in an ``AppHdr``. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, element))


def read(reader: FieldReader) -> BusinessHeader:
    """As :func:`parse`, from fields that were read before."""
    registry, practice = reader.optional(str, "registry"), reader.optional(str, "practice")
    return BusinessHeader(
        sender=ConnectionPartyId(reader.text("sender")),
        receiver=ConnectionPartyId(reader.text("receiver")),
        business_message_id=BusinessMessageId(reader.text("business_message_id")),
        message_type=reader.text("message_type"),
        market_practice=MarketPractice(registry=registry, id=practice) if registry and practice else None,
        creation_time=reader.required_time("creation_time"),
        business_processing_date=reader.optional_time("business_processing_date"),
        copy_duplicate=_copy_duplicate(reader),
    )


def build(header: BusinessHeader) -> etree._Element:
    """The ``AppHdr`` of a header; the same value always gives the same bytes. Raises LocalProtocolError."""
    practice, processing, copy = header.market_practice, header.business_processing_date, header.copy_duplicate
    return LAYOUT.build(
        [
            (f"Fr/{_PARTY}", header.sender),
            (f"To/{_PARTY}", header.receiver),
            ("BizMsgIdr", header.business_message_id),
            ("MsgDefIdr", header.message_type),
            ("MktPrctc/Regy", None if practice is None else practice.registry),
            ("MktPrctc/Id", None if practice is None else practice.id),
            ("CreDt", instant_text(header.creation_time)),
            ("BizPrcgDt", None if processing is None else instant_text(processing)),
            ("CpyDplct", None if copy is None else copy.value),
        ]
    )


def _copy_duplicate(reader: FieldReader) -> CopyDuplicate | None:
    text = reader.texts["copy_duplicate"]
    if not text:
        return None
    try:
        return CopyDuplicate(text)
    except ValueError as error:
        raise reader.refuse(
            "copy_duplicate",
            code="VALUE_COPY_DUPLICATE",
            rule=f"A copy is one of {', '.join(CopyDuplicate)}.",
            hint="Use one of these, or leave the element out.",
        ) from error

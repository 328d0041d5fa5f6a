"""The business application header: head.001.001.02 of FedNow, head.001.001.01 of RTP, one value for both."""

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from lxml import etree

from iso20022.codes import CopyDuplicate
from iso20022.fields import FieldReader
from iso20022.identifiers import BusinessMessageId, ConnectionPartyId
from iso20022.layout import Layout, instant_text
from iso20022.namespaces import namespace_of_message

HEADER_TYPE: Final = "head.001.001.02"
"""FedNow's header, and the one that is built where none is named."""

RTP_HEADER_TYPE: Final = "head.001.001.01"
"""RTP's header."""

_PARTY: Final = "FIId/FinInstnId/ClrSysMmbId/MmbId"
_PATHS: Final = {
    "sender": f"Fr/{_PARTY}",
    "receiver": f"To/{_PARTY}",
    "business_message_id": "BizMsgIdr",
    "message_type": "MsgDefIdr",
    "creation_time": "CreDt",
    "copy_duplicate": "CpyDplct",
}

LAYOUT: Final = Layout(
    namespace=namespace_of_message(HEADER_TYPE),
    root="AppHdr",
    base="",
    paths=_PATHS | {"registry": "MktPrctc/Regy", "practice": "MktPrctc/Id", "business_processing_date": "BizPrcgDt"},
)
"""Where each field of head.001.001.02 stands."""

RTP_LAYOUT: Final = Layout(
    namespace=namespace_of_message(RTP_HEADER_TYPE),
    root="AppHdr",
    base="",
    paths=_PATHS
    | {
        "business_service": "BizSvc",
        "sender_branch": "Fr/FIId/BrnchId/Id",
        "receiver_branch": "To/FIId/BrnchId/Id",
        "signature": "Sgntr",
    },
    groups=frozenset({"signature"}),
)
"""Where each field of head.001.001.01 stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketPractice:
    """The rule book that a message follows (``MktPrctc``)."""

    registry: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessHeader:
    """Who sends which message to whom, and when.

    The parties are FedNow's connection parties of nine characters, or RTP's participants of eleven, perhaps with a
    branch. ``market_practice`` and ``business_processing_date`` are FedNow's alone, branches and ``business_service``
    RTP's. FedNow sets ``business_processing_date`` and ``copy_duplicate`` itself; on RTP a
    participant says DUPL when it repeats a message that was not answered.
    """

    sender: ConnectionPartyId
    receiver: ConnectionPartyId
    business_message_id: BusinessMessageId
    message_type: str
    market_practice: MarketPractice | None = None
    creation_time: datetime
    business_processing_date: datetime | None = None
    copy_duplicate: CopyDuplicate | None = None
    business_service: str | None = None
    sender_branch: str | None = None
    receiver_branch: str | None = None


def parse(element: etree._Element, *, header_type: str = HEADER_TYPE) -> BusinessHeader:
    """The header in an ``AppHdr``. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(HEADER_LAYOUTS[header_type], element))


def read(reader: FieldReader) -> BusinessHeader:
    """As :func:`parse`, from fields that were read before."""
    texts = reader.texts
    registry, practice = texts.get("registry"), texts.get("practice")
    return BusinessHeader(
        sender=ConnectionPartyId(reader.text("sender")),
        receiver=ConnectionPartyId(reader.text("receiver")),
        business_message_id=BusinessMessageId(reader.text("business_message_id")),
        message_type=reader.text("message_type"),
        market_practice=MarketPractice(registry=registry, id=practice) if registry and practice else None,
        creation_time=reader.required_time("creation_time"),
        business_processing_date=(
            reader.optional_time("business_processing_date") if texts.get("business_processing_date") else None
        ),
        copy_duplicate=_copy_duplicate(reader),
        business_service=texts.get("business_service") or None,
        sender_branch=texts.get("sender_branch") or None,
        receiver_branch=texts.get("receiver_branch") or None,
    )


def build(header: BusinessHeader, *, header_type: str = HEADER_TYPE) -> etree._Element:
    """The ``AppHdr`` of a header; the same value always gives the same bytes.

    What the header type has no element for is left out. Raises LocalProtocolError.
    """
    practice, processing, copy = header.market_practice, header.business_processing_date, header.copy_duplicate
    row = {
        "sender": header.sender,
        "sender_branch": header.sender_branch,
        "receiver": header.receiver,
        "receiver_branch": header.receiver_branch,
        "business_message_id": header.business_message_id,
        "message_type": header.message_type,
        "business_service": header.business_service,
        "registry": None if practice is None else practice.registry,
        "practice": None if practice is None else practice.id,
        "creation_time": instant_text(header.creation_time),
        "business_processing_date": None if processing is None else instant_text(processing),
        "copy_duplicate": None if copy is None else copy.value,
    }
    layout = HEADER_LAYOUTS[header_type]
    return layout.build((layout.paths[field], text) for field, text in row.items() if field in layout.paths)


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


HEADER_LAYOUTS: Final = MappingProxyType({HEADER_TYPE: LAYOUT, RTP_HEADER_TYPE: RTP_LAYOUT})
"""The headers that are read and built, by their message identifier."""
